/** A worker thread of the fuzzer: gets seeds and leads, and answers with verdicts and findings. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadVariants } from '../compare/load';
import { sent } from '../compare/thread';
import { Bench } from './bench';
import { answer, type Job, type Reply, type WorkerData } from './lanes';

const { variants, stop, ...options } = workerData as WorkerData;
const flag = new Int32Array(stop);
let bench: Bench | null = null;

parentPort?.on('message', async (job: Job) => {
  parentPort?.postMessage(await reply(job));
});

async function reply(job: Job): Promise<Reply> {
  try {
    bench ??= new Bench({
      ...options,
      variants: loadVariants(variants).map(({ variant }) => variant),
      goesOn: async () => Atomics.load(flag, 0) === 0,
    });
    return await answer(bench, job);
  } catch (error) {
    return { error: sent(error) };
  }
}
