// What BullMQ does for an application: jobs are added and worked on while the master changes. Words: the master's name,
// the sentinels' ports, the number of jobs. Says "half" when half of them are added, waits for a line before it adds the
// last tenth, and says in the end what became of all.
const {Queue, Worker} = require('bullmq');
const Redis = require('ioredis');
const readline = require('readline');

const [name, ports, jobs] = [process.argv[2], process.argv[3].split(','), Number(process.argv[4])];
const sentinels = ports.map((port) => ({host: '127.0.0.1', port: Number(port)}));
const connect = () => new Redis({sentinels, name, sentinelRetryStrategy: () => 20, retryStrategy: () => 20,
  maxRetriesPerRequest: null});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const kBatch = 100;

async function untilItWorks(what) {
  for (;;) {
    try {
      return await what();
    } catch (error) {
      await pause(20); // the master changes
    }
  }
}

async function main() {
  const runs = new Map();
  let failed = 0;
  const queue = new Queue('jobs', {connection: connect()});
  const worker = new Worker('jobs', async (job) => {
    runs.set(job.data.i, (runs.get(job.data.i) || 0) + 1);
    return job.data.i;
  }, {connection: connect(), concurrency: 50, maxStalledCount: 10});
  for (const each of [queue, worker]) each.on('error', () => {});
  worker.on('failed', () => { ++failed; });
  const promoted = new Promise((done) => readline.createInterface({input: process.stdin}).once('line', done));
  const end = Date.now() + 180000;
  for (let i = 0; i < jobs; i += kBatch) {
    // A job that is added a second time, because nobody knows whether it was the first time, is the same by its id.
    const batch = Array.from({length: Math.min(kBatch, jobs - i)},
        (_, k) => ({name: 'job', data: {i: i + k}, opts: {jobId: `number-${i + k}`}}));
    if (i >= jobs * 0.9) await promoted;
    await untilItWorks(() => queue.addBulk(batch));
    if (i < jobs / 2 && i + kBatch >= jobs / 2) console.log('half');
  }
  let counts = {};
  while (Date.now() < end && counts.completed !== jobs) {
    await pause(100);
    counts = await untilItWorks(() => queue.getJobCounts('completed', 'failed', 'active', 'waiting', 'delayed'));
  }
  await worker.close();
  const more = [...runs.values()].reduce((sum, each) => sum + each, 0);
  console.log(JSON.stringify({distinct: runs.size, runs: more, failed, counts}));
  process.exit(0);
}
main();
