# frozen_string_literal: true

# What every program of this folder logs; ../README.md has it as a table.
module Scenario
  UNICODE = 'grüße äöü 日本語 🚀'
  LINES = "first line\nsecond \"quoted\" line\n\tthird \\ line"

  class PaymentError < StandardError; end

  def self.call_gateway
    raise IOError, 'gateway timeout: 30 s'
  end

  def self.pay
    call_gateway
  rescue IOError
    raise PaymentError, 'card declined'
  end
end
