/** Waits until one of some files changes. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError, reasonOf } from '../compare/input';

/** Editors write a file in several steps; the last one counts. */
const SETTLED = 100;
const SOURCES = /\.(ya?ml|[cm]?[jt]s)$/;

/**
 * Watches folders, not files: most editors put a new file in the place of the old one. Any source file of a folder
 * counts, because an import that was missing may come to be.
 */
export class WatchedFiles {
  private readonly folders = new Map<string, FSWatcher>();
  private readonly files = new Set<string>();
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  /** @param onChange called with the names of the files that changed, when they have come to rest */
  constructor(private readonly onChange: (names: readonly string[]) => void) {}

  /** May be called again with the same file. */
  add(file: string): void {
    const path = resolve(file);
    this.files.add(path);
    const folder = dirname(path);
    if (this.folders.has(folder)) return;
    try {
      const watcher = watch(folder, (_, name) => name !== null && this.see(join(folder, name)));
      // The folder is gone; whoever waits for it is told by the next attempt to read.
      watcher.on('error', () => this.forget(folder));
      this.folders.set(folder, watcher);
    } catch (error) {
      throw new InputError('input', `${file}: cannot be watched: ${reasonOf(error)}`);
    }
  }

  isEmpty(): boolean {
    return this.folders.size === 0;
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer);
    for (const folder of [...this.folders.keys()]) this.forget(folder);
  }

  private forget(folder: string): void {
    this.folders.get(folder)?.close();
    this.folders.delete(folder);
  }

  private see(path: string): void {
    if (!this.files.has(path) && !SOURCES.test(path)) return;
    this.changed.add(basename(path));
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const names = [...this.changed];
      this.changed.clear();
      this.onChange(names);
    }, SETTLED);
  }
}
