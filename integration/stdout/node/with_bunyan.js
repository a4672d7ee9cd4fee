'use strict';

const bunyan = require('bunyan');
const scenario = require('./scenario');

function json() {
  const logger = bunyan.createLogger({
    name: 'shop.checkout',
    level: 'trace',
    serializers: bunyan.stdSerializers,
  });
  logger.trace('a trace message');
  logger.debug('a debug message');
  logger.info('an info message');
  logger.warn('a warning message');
  logger.error('an error message');
  logger.fatal('a fatal message');
  logger.info(scenario.fields, 'order placed');
  logger.info(scenario.unicode);
  logger.info(scenario.lines);
  scenario.context.run(scenario.request, () =>
    logger.child(scenario.context.getStore()).info('request handled'),
  );
  logger.error(scenario.failure(), 'payment failed');
  logger.info('the end');
}

module.exports = { json };
