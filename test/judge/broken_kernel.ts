import {
  type AnyFunction,
  type Kernel,
  mainline,
  type ResolvedVariant,
  resolveVariant,
} from '../../src/core/index';
import { judge, type Verdict } from '../../src/judge/index';
import { variants } from '../../src/variants/index';
import { compile, parseFixture, type Workload } from '../../src/workload/index';

/** Kernel functions by name that replace those of a kernel. */
// biome-ignore lint/suspicious/noExplicitAny: kernel functions of every arity
export type Override = Record<string, (k: Kernel, ...args: any[]) => unknown>;

/** A fixture of which only the part that matters is written. */
export function workload(body: string, entries = 4): Workload {
  const lines = body.replace(/^\n/, '').replace(/\s+$/, '');
  const head = 'name: inline\nasks: Does the judge notice?\nsource: this test\n';
  const shows = /^shows:/m.test(lines) ? '' : '\nshows: []';
  return compile(parseFixture(`${head}${lines}${shows}\n`, 'inline.yaml'), { entries });
}

export function kernelOf(base: string, ...overrides: Override[]): ResolvedVariant {
  const { meta, layers } = resolveVariant(variants.find((v) => v.meta.id === base)!, variants);
  return { meta, layers: [...layers, ...(overrides as Record<string, AnyFunction>[])] };
}

/** The function as the kernel has it: what an override does before or after breaking it. */
export function original(base: string, name: string): AnyFunction {
  const { layers } = kernelOf(base);
  const own = [...layers].reverse().find((layer) => name in layer);
  return own ? own[name]! : (mainline as unknown as Record<string, AnyFunction>)[name]!;
}

export const brokenIds = (verdict: Verdict): string[] =>
  'broken' in verdict ? verdict.broken.map((b) => b.invariant) : [`(${verdict.kind})`];

/** The invariants that do not hold, as far as a few hundred runs show. */
export const found = (base: string, body: string, override: Override = {}, entries?: number): string[] =>
  brokenIds(
    judge(workload(body, entries), kernelOf(base, override), { maxExecutions: 400, maxSteps: 100_000 }),
  );
