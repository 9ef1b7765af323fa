# What redis-rb does for an application. Words: the master's name, the sentinels' ports.
require 'redis'

name = ARGV[0]
sentinels = ARGV[1].split(',').map { |port| { host: '127.0.0.1', port: port.to_i } }
master = Redis.new(url: "redis://#{name}", sentinels: sentinels, role: :master, timeout: 2)
replica = Redis.new(url: "redis://#{name}", sentinels: sentinels, role: :slave, timeout: 2)
asked = Redis.new(host: '127.0.0.1', port: sentinels[0][:port])
address = -> { asked.sentinel('get-master-addr-by-name', name)[1].to_i }

master.set('counter', 0)
first = address.call
puts "master #{first} replicas #{asked.sentinel('replicas', name).size}"
$stdout.flush
$stdin.gets
finish = Time.now + 60
while Time.now < finish
  begin
    break if master.incr('counter') && address.call != first
  rescue Redis::BaseError
    sleep 0.02
  end
end
read = false
until read || Time.now > finish
  begin
    read = replica.get('counter') == master.get('counter')
  rescue Redis::BaseError
    sleep 0.02
  end
end
puts "master #{address.call} #{master.call('role')[0]} read #{read ? 'True' : 'False'}"
