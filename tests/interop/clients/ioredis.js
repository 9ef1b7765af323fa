// What ioredis does for an application. Words: the master's name, the sentinels' ports.
const Redis = require('ioredis');
const readline = require('readline');

const sentinels = process.argv[3].split(',').map((port) => ({host: '127.0.0.1', port: Number(port)}));
const options = {sentinels, name: process.argv[2], sentinelRetryStrategy: () => 20, retryStrategy: () => 20};
const master = new Redis(options);
const replica = new Redis({...options, role: 'slave'});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
for (const connection of [master, replica]) connection.on('error', () => {});

async function main() {
  const sentinel = new Redis(sentinels[0].port, '127.0.0.1');
  const address = async () => Number((await sentinel.call('sentinel', 'get-master-addr-by-name', process.argv[2]))[1]);
  await master.set('counter', 0);
  const first = await address();
  console.log('master', first, 'replicas', (await sentinel.call('sentinel', 'replicas', process.argv[2])).length);
  await new Promise((done) => readline.createInterface({input: process.stdin}).once('line', done));
  const end = Date.now() + 60000;
  while (Date.now() < end) {
    try {
      if ((await master.incr('counter')) && (await address()) !== first) break;
    } catch (error) {
      await pause(20);
    }
  }
  let read = false;
  while (Date.now() < end && !read) {
    read = await Promise.all([replica.get('counter'), master.get('counter')]).then(([a, b]) => a === b, () => false);
    if (!read) await pause(20);
  }
  console.log('master', await address(), (await master.call('role'))[0], 'read', read ? 'True' : 'False');
  process.exit(0);
}
main();
