/**
 * A kernel: the primitives with one version of every kernel function bound to them. A variant replaces functions
 * of its base by name; nothing else distinguishes a proposal from a later kernel.
 */
import { assert } from './assert';
import * as functions from './kernel/index';
import type { Machine } from './machine';
import type { Step } from './run';
import type { Task } from './task';
import { TlbSteps } from './tlb_steps';

export type KernelFunctions = typeof functions;

/** The functions without their first parameter, as methods of the kernel they run in. */
export type Bound<F> = {
  // biome-ignore lint/suspicious/noExplicitAny: naming Kernel here would make the type circular
  [N in keyof F]: F[N] extends (k: any, ...args: infer A) => infer R ? (...args: A) => R : never;
};

/** What every kernel function gets as `k`: primitives, bound functions, machine and current task. */
export interface Kernel extends TlbSteps, Bound<KernelFunctions> {
  /** The same kernel on behalf of another task. */
  as(task: Task): Kernel;
}

/** A kernel function as it is written. */
export type KFunction<A extends unknown[], R> = (k: Kernel, ...args: A) => R;

/** The body of a kernel function. */
export type KRun<T> = Generator<Step, T, undefined>;

export type KernelClass = new (m: Machine, task: Task) => Kernel;

/** Called around kernel functions by name; null entries cost nothing. */
export interface Tracer {
  /** Wrap every function (for traces) or only these (for coverage). */
  functions: 'all' | ReadonlySet<string>;
  enter(k: Kernel, name: string): void;
  leave(k: Kernel, name: string): void;
}

// biome-ignore lint/suspicious/noExplicitAny: functions of every arity
export type AnyFunction = (...args: any[]) => any;

/** A copy, because every look into a module that only re-exports calls a function. */
const mainline = { ...(functions as unknown as Record<string, AnyFunction>) };
const names = Object.keys(mainline).filter((name) => typeof mainline[name] === 'function');

/**
 * The one class of all kernels; which version of each function it runs is in a table. A class per kernel would be
 * slower by half when many are compared in one process, because the engine optimizes for the classes it has met.
 */
class AnyKernel extends TlbSteps {
  constructor(
    m: Machine,
    task: Task,
    /** By position in `names`. */
    readonly versions: Versions,
  ) {
    super(m, task);
  }

  as(task: Task): Kernel {
    return new AnyKernel(this.m, task, this.versions) as unknown as Kernel;
  }
}
for (const [at, name] of names.entries()) {
  assert(!(name in AnyKernel.prototype), `${name}() is a primitive and no kernel function`);
  Object.defineProperty(AnyKernel.prototype, name, { value: dispatch(at, mainline[name]!.length) });
}

type Layers = readonly Record<string, AnyFunction>[];
type Versions = readonly AnyFunction[];

/** Of the layers that were asked for already: each variant runs on many fixtures. */
const knownVersions = new WeakMap<Layers, Versions>();

function versionsIn(layers: Layers): Versions {
  const known = knownVersions.get(layers);
  if (known) return known;
  const chosen: Record<string, AnyFunction> = Object.assign({}, mainline, ...layers);
  for (const name of Object.keys(chosen))
    assert(name in mainline, `buildKernel(): there is no function ${name}`);
  const versions = names.map((name) => chosen[name]!);
  knownVersions.set(layers, versions);
  return versions;
}

const tracedVersions = (versions: Versions, tracer: Tracer): Versions =>
  versions.map((version, at) => {
    const name = names[at]!;
    const isTraced = tracer.functions === 'all' || tracer.functions.has(name);
    return isTraced ? withTracer(name, version, tracer) : version;
  });

/**
 * Builds the class of a kernel.
 * @param layers functions by name, the oldest kernel first; a later layer replaces what an earlier one has
 */
export function buildKernel(layers: Layers, tracer?: Tracer): KernelClass {
  const versions = tracer ? tracedVersions(versionsIn(layers), tracer) : versionsIn(layers);
  function Built(m: Machine, task: Task): AnyKernel {
    return new AnyKernel(m, task, versions);
  }
  return Built as unknown as KernelClass;
}

/** Two forms, because rest parameters cost an array per call on the hottest paths. */
function dispatch(at: number, parameters: number): AnyFunction {
  if (parameters <= 3) {
    return function (this: AnyKernel, a: unknown, b: unknown) {
      return this.versions[at]!(this, a, b);
    };
  }
  return function (
    this: AnyKernel,
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
  ) {
    return this.versions[at]!(this, a, b, c, d, e, f, g);
  };
}

const isRun = (value: unknown): value is KRun<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value && 'next' in value;

function withTracer(name: string, fn: AnyFunction, tracer: Tracer): AnyFunction {
  return (k: Kernel, ...args: unknown[]) => {
    const result: unknown = fn(k, ...args);
    return isRun(result) ? tracedRun(k, name, result, tracer) : result;
  };
}

function* tracedRun(k: Kernel, name: string, run: KRun<unknown>, tracer: Tracer): KRun<unknown> {
  tracer.enter(k, name);
  const result = yield* run;
  tracer.leave(k, name);
  return result;
}
