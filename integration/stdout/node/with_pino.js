'use strict';

const { ecsFormat } = require('@elastic/ecs-pino-format');
const pino = require('pino');
const scenario = require('./scenario');

function log(logger) {
  logger.trace('a trace message');
  logger.debug('a debug message');
  logger.info('an info message');
  logger.warn('a warning message');
  logger.error('an error message');
  logger.fatal('a fatal message');
  logger.info(scenario.fields, 'order placed');
  logger.info(scenario.unicode);
  logger.info(scenario.lines);
  scenario.context.run(scenario.request, () => logger.info('request handled'));
  logger.error(scenario.failure(), 'payment failed');
  logger.info('the end');
}

const options = {
  level: 'trace',
  name: 'shop.checkout',
  mixin: () => scenario.context.getStore() || {},
};

// Level numbers and Unix milliseconds.
function json() {
  log(pino(options));
}

// Level names, times in ISO 8601, another key for the message.
function named() {
  log(
    pino({
      ...options,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    }),
  );
}

function ecs() {
  log(pino({ ...ecsFormat({ apmIntegration: false }), ...options }));
}

module.exports = { json, named, ecs };
