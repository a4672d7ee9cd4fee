'use strict';

const winston = require('winston');
const scenario = require('./scenario');

const { combine, errors, json, simple, timestamp, printf } = winston.format;

const addRequest = winston.format((info) => Object.assign(info, scenario.context.getStore()));

function run(...formats) {
  const logger = winston.createLogger({
    level: 'silly',
    format: combine(addRequest(), ...formats),
    defaultMeta: { logger: 'shop.checkout' },
    transports: [new winston.transports.Console()],
  });
  logger.silly('a silly message');
  logger.debug('a debug message');
  logger.verbose('a verbose message');
  logger.http('an http message');
  logger.info('an info message');
  logger.warn('a warning message');
  logger.error('an error message');
  logger.info('order placed', scenario.fields);
  logger.info(scenario.unicode);
  logger.info(scenario.lines);
  scenario.context.run(scenario.request, () => logger.info('request handled'));
  logger.error('payment failed', scenario.failure());
  logger.info('the end');
}

module.exports = {
  json: () => run(timestamp(), errors({ stack: true, cause: true }), json()),
  simple: () => run(simple()),
  printf: () =>
    run(
      timestamp(),
      errors({ stack: true }),
      printf((info) => `${info.timestamp} ${info.level}: ${info.stack || info.message}`),
    ),
};
