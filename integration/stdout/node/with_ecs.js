'use strict';

// Elastic's formats alone: what integration/ecs_libraries_test.go sends through the
// collector and back. Each serves one request over HTTP and logs it.

const http = require('node:http');

const { ecsFormat: morganFormat } = require('@elastic/ecs-morgan-format');
const { ecsFormat: pinoFormat } = require('@elastic/ecs-pino-format');
const { ecsFormat: winstonFormat } = require('@elastic/ecs-winston-format');
const morgan = require('morgan');
const pino = require('pino');
const winston = require('winston');
const scenario = require('./scenario');

const options = {
  convertReqRes: true,
  apmIntegration: false,
  serviceName: 'shop',
  serviceVersion: '1.4.2',
  serviceEnvironment: 'test',
  serviceNodeName: 'shop-1',
};

// Fields of ECS, with points and nested, and fields that it does not have.
const order = {
  labels: { order_id: 'A-17', priority: 2, ratio: 0.25, express: true },
  tags: ['new', 'gift'],
  event: { action: 'order-placed', duration: 1500000 },
  user: { id: 'u-7', name: 'jörg' },
  order: { items: 3, price: 99.99, paid: true, coupon: null, address: { city: 'Zürich' } },
  attempts: 2,
};

const transaction = {
  trace: { id: scenario.request.trace_id },
  transaction: { id: scenario.request.span_id },
};
const span = { ...transaction, span: { id: 'b9c7c989f97918e1' } };

// serve answers one request, has log called with it, and ends.
function serve(log) {
  const server = http.createServer((request, response) => {
    log(request, response, () => {
      response.setHeader('content-type', 'text/plain');
      response.setHeader('content-length', 6);
      response.end('a cart');
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const asked = http.get({
      port: server.address().port,
      host: '127.0.0.1',
      path: '/cart?of=jane#top',
      agent: false,
      headers: { 'user-agent': 'shop-test/1.0', 'x-request-id': scenario.request.request_id },
    });
    asked.on('response', (response) => {
      response.resume();
      response.on('end', () => server.close());
    });
  });
}

function runPino() {
  const logger = pino({ ...pinoFormat(options), level: 'trace', name: 'shop.checkout' });
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) {
    logger[level](`a message of ${level}`);
  }
  logger.info(order, 'order placed');
  logger.info(scenario.unicode);
  logger.info(scenario.lines);
  logger.info(span, 'in a span');
  logger.info(transaction, 'in a transaction');
  logger.error(scenario.failure(), 'payment failed');
  logger.warn({ err: scenario.failure(), attempts: 3 }, 'payment failed again');
  serve((req, res, answer) => {
    logger.info({ req }, 'request came');
    res.on('finish', () => logger.info({ req, res }, 'request handled'));
    answer();
  });
}

function runWinston() {
  const logger = winston.createLogger({
    level: 'silly',
    format: winstonFormat(options),
    transports: [new winston.transports.Console()],
  });
  for (const level of ['silly', 'debug', 'verbose', 'http', 'info', 'warn', 'error']) {
    logger[level](`a message of ${level}`);
  }
  logger.info('order placed', order);
  logger.info(scenario.unicode);
  logger.info(scenario.lines);
  logger.info('in a span', span);
  logger.info('in a transaction', transaction);
  logger.error('payment failed', { err: scenario.failure() });
  logger.error('payment failed: ', scenario.failure());
  serve((req, res, answer) => {
    res.on('finish', () => logger.info('request handled', { req, res }));
    answer();
  });
}

// morgan logs requests and nothing else.
function runMorgan() {
  const log = morgan(morganFormat({ ...options, format: 'combined' }));
  serve((req, res, answer) => log(req, res, answer));
}

module.exports = { pino: runPino, winston: runWinston, morgan: runMorgan };
