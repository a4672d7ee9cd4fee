# frozen_string_literal: true

# ruby main.rb <library> <format>: logs the scenario of ../README.md to stdout.
# ruby main.rb list names the libraries and formats.

require 'logger'
require_relative 'scenario'

$stdout.sync = true

def log(logger)
  logger.debug('a debug message')
  logger.info('an info message')
  logger.warn('a warning message')
  logger.error('an error message')
  logger.fatal('a fatal message')
  logger.unknown('a message without level')
  logger.info(Scenario::UNICODE)
  logger.info(Scenario::LINES)
  begin
    Scenario.pay
  rescue Scenario::PaymentError => e
    logger.error(e)
  end
  logger.info('the end')
end

PROGRAMS = {
  'logger text' => -> { log(Logger.new($stdout, progname: 'shop.checkout')) },
  'none crash' => lambda {
    puts 'the beginning'
    Scenario.pay
  }
}.freeze

name = ARGV.join(' ')
if name == 'list'
  puts PROGRAMS.keys
elsif PROGRAMS.key?(name)
  PROGRAMS[name].call
else
  abort 'usage: main.rb list | main.rb <library> <format>'
end
