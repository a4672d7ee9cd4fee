'use strict';

// console, as most small programs use it: no time, no level.

const scenario = require('./scenario');

module.exports = {
  text() {
    console.debug('a debug message');
    console.info('an info message');
    console.warn('a warning message');
    console.error('an error message');
    console.info('order placed', scenario.fields);
    console.info(scenario.unicode);
    console.info(scenario.lines);
    console.error('payment failed', scenario.failure());
    console.info('the end');
  },
};
