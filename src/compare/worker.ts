/** A worker thread: gets numbers of cells and answers with verdicts. */
import { parentPort, workerData } from 'node:worker_threads';
import { cellJudge, onItsOwn } from './compare';
import { loadFixtures, loadVariants } from './load';
import type { Answer, WorkerData } from './pool';
import { sent } from './thread';

const { fixtures, variants, bounds, hardware } = workerData as WorkerData;
let judgeCell: ((index: number) => Answer) | null = null;

parentPort?.on('message', (index: number) => {
  judgeCell ??= prepared();
  parentPort?.postMessage(judgeCell(index));
});

function prepared(): (index: number) => Answer {
  const loaded = loadFixtures(fixtures);
  const judge = cellJudge(hardware ? loaded.map(onItsOwn) : loaded, loadVariants(variants), bounds);
  return (index) => {
    try {
      return { index, verdict: judge(index) };
    } catch (error) {
      return { index, error: sent(error) };
    }
  };
}
