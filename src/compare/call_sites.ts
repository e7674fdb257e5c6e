/** Where in the source each step of a run was asked for: the kernel functions on the stack at that moment. */
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join, resolve } from 'node:path';
import type { Kernel, KernelClass, Machine, Task } from '../core/index';
import { placeInSource } from './source_places';

export interface Site {
  readonly name: string;
  /** Absolute; the TypeScript. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Kernel functions that were being run, the innermost first. */
export type Sites = readonly Site[];

export interface Recorder {
  readonly Kernel: KernelClass;
  /** One for every step that was taken, in their order. */
  readonly stacks: Error[];
}

type Action = () => unknown;
// biome-ignore lint/suspicious/noExplicitAny: the four ways to announce a step differ in their parameters
type Announce = (...args: any[]) => unknown;

/** Position of the action among the parameters of each way to announce a step. */
const announcing = { step: 3, stepOn: 3, wait: 4, acquire: 5 } as const;
const DEEP = 80;

/** A kernel that remembers who asked for each of its steps. */
export function recording(Kernel: KernelClass): Recorder {
  const stacks: Error[] = [];
  const watched = (k: Kernel): Kernel => {
    const open = k as unknown as Record<string, Announce>;
    for (const [name, at] of Object.entries(announcing)) {
      const announce = open[name]!;
      open[name] = (...args) => {
        if (k.m.solo) return announce.apply(k, args);
        const stack = stackHere();
        const action = args[at] as Action;
        args[at] = () => {
          stacks.push(stack);
          return action();
        };
        return announce.apply(k, args);
      };
    }
    const as = k.as.bind(k);
    open.as = (task: Task) => watched(as(task));
    return k;
  };
  function Recording(m: Machine, task: Task): Kernel {
    return watched(new Kernel(m, task));
  }
  return { Kernel: Recording as unknown as KernelClass, stacks };
}

/** Written out only if somebody asks. */
function stackHere(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = DEEP;
  const error = new Error('a step');
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}

/** @param own files of users' variants */
export function sitesOf(stack: Error | undefined, own: readonly string[]): Sites {
  const files = own.map((file) => resolve(file));
  return (stack?.stack ?? '').split('\n').flatMap((frame) => {
    const [, name = '', file = '', line, column] =
      /^ +at (?:.*?([\w$]+)(?: \[as \w+\])? \()?([^()]+):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    const isKernel = /\/(src|dist)\/(core\/kernel|variants)\//.test(file) || files.includes(file);
    if (!isKernel) return [];
    const place = inTypeScript(file, Number(line), Number(column), frame);
    return [{ name, ...place }];
  });
}

function inTypeScript(file: string, line: number, column: number, frame: string): Omit<Site, 'name'> {
  const told = placeInSource(Object.assign(new Error(), { stack: frame }));
  const [, , ownLine, ownColumn] = (told && /^(.*):(\d+):(\d+)$/.exec(told)) || [];
  if (ownLine) return { file, line: Number(ownLine), column: Number(ownColumn) };
  const entry = mapOf(file)?.findEntry(line - 1, column - 1);
  if (!entry || !('originalLine' in entry)) return { file, line, column };
  return {
    file: resolve(join(file, '..'), entry.originalSource),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  };
}

const maps = new Map<string, SourceMap | null>();

/** The map that stands beside a compiled file. */
function mapOf(file: string): SourceMap | null {
  const known = maps.get(file);
  if (known !== undefined) return known;
  const beside = `${file}.map`;
  const map = existsSync(beside)
    ? new SourceMap(JSON.parse(readFileSync(beside, 'utf8')) as SourceMapPayload)
    : null;
  maps.set(file, map);
  return map;
}
