# Writes the cases of cases.json with one of lograge's formatters: ruby writers.rb NAME < cases.json
require 'json'
require 'lograge/formatters/key_value'
require 'lograge/formatters/l2met'

write =
  case ARGV[0]
  when 'key_value'
    f = Lograge::Formatters::KeyValue.new
    ->(name, v) { puts f.call({ case: name, v: v }) }
  when 'l2met'
    f = Lograge::Formatters::L2met.new
    lambda do |name, v|
      puts f.call({ method: 'GET', path: '/orders', format: :html, controller: 'orders', action: 'index',
                    status: 200, duration: 12.5, view: 3.25, db: 1.0, error: nil, location: nil,
                    case: name, v: v })
    end
  end

JSON.parse($stdin.read).each { |c| write.call(c['name'], c['value']) }
