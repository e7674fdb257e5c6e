/** What the agent has done to the files before a fixture begins. */
import type { File, Kernel, KRun, Machine } from '../core/index';
import type { Workload } from '../workload/index';

/** It has written every page of its files, and their file system to the disk: all are cached, and clean. */
export function cacheFiles(m: Machine, k: Kernel, workload: Workload): void {
  for (const { name, pages } of workload.fixture.files) {
    const file = m.files.find((one) => one.name === name);
    if (file?.kind !== 'fs') continue;
    const steps = readPages(k, file, pages)[Symbol.iterator]();
    while (!steps.next().done);
  }
}

function* readPages(k: Kernel, file: File, pages: number): KRun<void> {
  for (let index = 0; index < pages; index++) {
    const page = yield* k.find_or_read_page(file, index);
    yield* k.unlock_page(page);
    yield* k.put_page(page);
  }
  yield* k.lru_add_drain_all();
}
