'use strict';

// What every program of this folder logs; ../README.md has it as a table.

const { AsyncLocalStorage } = require('node:async_hooks');

const context = new AsyncLocalStorage();

const request = {
  request_id: 'req-7f3a91',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  span_id: '00f067aa0ba902b7',
  trace_flags: '01',
};

const fields = {
  order_id: 'A-17',
  items: 3,
  price: 99.99,
  paid: true,
  coupon: null,
  tags: ['new', 'gift'],
  customer: { id: 7, address: { city: 'Zürich' } },
};

class PaymentError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'PaymentError';
  }
}

function callGateway() {
  const error = new Error('gateway timeout: 30 s');
  error.code = 'ETIMEDOUT';
  throw error;
}

function pay() {
  try {
    callGateway();
  } catch (cause) {
    throw new PaymentError('card declined', { cause });
  }
}

// What pay throws.
function failure() {
  try {
    pay();
  } catch (error) {
    return error;
  }
}

module.exports = {
  context,
  request,
  fields,
  failure,
  unicode: 'grüße äöü 日本語 🚀',
  lines: 'first line\nsecond "quoted" line\n\tthird \\ line',
};
