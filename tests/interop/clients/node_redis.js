// What node-redis does for an application. Words: the master's name, the sentinels' ports.
const {createClient, createSentinel} = require('redis');
const readline = require('readline');

const nodes = process.argv[3].split(',').map((port) => ({host: '127.0.0.1', port: Number(port)}));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  const asked = createClient({socket: nodes[0]}).on('error', () => {});
  await asked.connect();
  const address = async () =>
    Number((await asked.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', process.argv[2]]))[1]);
  const sentinel = createSentinel({name: process.argv[2], sentinelRootNodes: nodes, scanInterval: 500,
                                   replicaPoolSize: 1});
  sentinel.on('error', () => {});
  await sentinel.connect();
  await sentinel.set('counter', '0');
  const first = await address();
  const replicas = await asked.sendCommand(['SENTINEL', 'REPLICAS', process.argv[2]]);
  console.log('master', first, 'replicas', replicas.length);
  await new Promise((done) => readline.createInterface({input: process.stdin}).once('line', done));
  const end = Date.now() + 60000;
  while (Date.now() < end) {
    try {
      if ((await sentinel.incr('counter')) && (await address()) !== first) break;
    } catch (error) {
      await pause(20);
    }
  }
  const role = await sentinel.use((master) => master.sendCommand(false, ['ROLE']));
  // Reads go to the replicas.
  let read = false;
  while (Date.now() < end && !read) {
    const written = await sentinel.use((master) => master.get('counter')).catch(() => 'none');
    read = (await sentinel.get('counter').catch(() => '')) === written;
    if (!read) await pause(20);
  }
  console.log('master', await address(), role[0], 'read', read ? 'True' : 'False');
  process.exit(0);
}
main();
