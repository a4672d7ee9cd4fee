'use strict';

// No library: what Node prints for an error that nobody catches.

const scenario = require('./scenario');

module.exports = {
  crash() {
    process.stdout.write('the beginning\n');
    throw scenario.failure();
  },
};
