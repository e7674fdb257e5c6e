/** Fixtures on a kernel image, booted in QEMU with nothing but the agent. */
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { InputError, reasonOf } from '../compare/input';
import { agentBinary } from './agent_binary';
import { type Attempt, type Heard, listen, type RunOptions, runAll } from './attempts';
import { CannotRunError } from './cannot_run';
import { start } from './child';
import { findingOf, lastLines } from './console';
import { CHARACTER, cpio, DIRECTORY, REGULAR } from './cpio';
import { type Drive, makeDrives } from './drives';
import type { KernelRun, RunEnd } from './observation';
import { type Env, findProgram, withTemporary } from './place';
import { ReportReader } from './report_reader';
import type { Job } from './steps';

export interface QemuOptions extends RunOptions {
  /** Seconds from the start to the agent's first word. */
  readonly bootSeconds?: number;
  /** Seconds without a word after that. */
  readonly jobSeconds?: number;
  /** Instead of trying. */
  readonly machine?: Machine;
}

export type Machine = 'kvm' | 'tcg';

const BOOT_SECONDS = 90;
/** A kernel under KVM that has printed nothing by then is not going to. */
const KVM_SECONDS = 4;
const JOB_SECONDS = 300;
const MEGABYTES_PER_NODE = 768;
const CPU: Readonly<Record<Machine, string>> = {
  // With arch-capabilities some hosts refuse to start a nested guest.
  kvm: 'max,-arch-capabilities',
  // TCG stores byte by byte what a kernel clears on a CPU with fast strings.
  tcg: 'max,-erms,-fsrm',
};
/** The last two are for speed: without them TCG's clock is read from a device, and each system call is slower. */
const COMMAND_LINE = [
  ...['console=ttyS0,115200', 'panic=-1', 'oops=continue', 'numa_balancing=disable'],
  // Where the host is busy, a guest without the first of these sees its timer fail at boot.
  ...['no_timer_check', 'tsc=reliable', 'mitigations=off'],
].join(' ');

/**
 * @throws CannotRunError without QEMU, or where the image does not boot
 * @throws InputError where there is no such image
 */
export async function runQemu(
  image: string,
  jobs: readonly Job[],
  env: Env,
  options: QemuOptions = {},
): Promise<KernelRun> {
  checkImage(image);
  const qemu = findProgram(env, 'qemu-system-x86_64');
  if (!qemu) {
    throw new CannotRunError('no qemu-system-x86_64 in PATH (Debian: apt-get install qemu-system-x86)');
  }
  const agent = readFileSync(await agentBinary(env, options.signal));
  return withTemporary(async (folder) => {
    const drives = await makeDrives(folder, env);
    const boot = (machine: Machine, left: readonly Job[]): Promise<Attempt & { isMute: boolean }> =>
      attempt({ qemu, image, agent, folder, drives, machine, env, options }, left);
    let machine = options.machine ?? firstMachine();
    const result = await runAll(
      jobs,
      async (left) => {
        const first = await boot(machine, left);
        if (machine === 'tcg' || options.machine || !first.isMute || options.signal?.aborted) return first;
        machine = 'tcg';
        return boot(machine, left);
      },
      options,
    );
    return { kernel: image, machine, ...result };
  });
}

function checkImage(image: string): void {
  const refuse = (kind: 'usage' | 'input', why: string): never => {
    throw new InputError(kind, `${kind === 'usage' ? 'cannot read the kernel ' : ''}${image}: ${why}`);
  };
  const magic = Buffer.alloc(4);
  try {
    if (!statSync(image).isFile()) refuse('usage', 'is not a file');
    const file = openSync(image, 'r');
    readSync(file, magic, 0, 4, 0x202);
    closeSync(file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    refuse('usage', reasonOf(error));
  }
  if (magic.toString('latin1') !== 'HdrS') {
    refuse('input', 'is not a bzImage (no boot header at 0x202); give arch/x86/boot/bzImage');
  }
}

/** Whether KVM really works shows only when it boots something. */
function firstMachine(): Machine {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
    return 'kvm';
  } catch {
    return 'tcg';
  }
}

interface Guest {
  readonly qemu: string;
  readonly image: string;
  readonly agent: Buffer;
  readonly folder: string;
  readonly drives: readonly Drive[];
  readonly machine: Machine;
  readonly env: Env;
  readonly options: QemuOptions;
}

/** The initramfs: the agent as the first process, its jobs, and a console for it to start with. */
export function initramfs(agent: Buffer, jobs: readonly Job[]): Buffer {
  return gzipSync(
    cpio([
      { name: 'dev', mode: DIRECTORY | 0o755, data: Buffer.alloc(0) },
      { name: 'dev/console', mode: CHARACTER | 0o600, data: Buffer.alloc(0), device: { major: 5, minor: 1 } },
      { name: 'init', mode: REGULAR | 0o755, data: agent },
      { name: 'jobs', mode: REGULAR | 0o644, data: Buffer.from(jobs.map(({ text }) => text).join('')) },
    ]),
    { level: 1 },
  );
}

function parametersOf(guest: Guest, initrd: string, consoleFile: string): string[] {
  const { machine, image, drives } = guest;
  const nodes = [0, 1].flatMap((n) => [
    ...['-object', `memory-backend-ram,id=node${n},size=${MEGABYTES_PER_NODE}M`],
    // The one CPU is on the first node; a second one would spin for the first where the host is busy.
    ...['-numa', `node,nodeid=${n},memdev=node${n}${n === 0 ? ',cpus=0' : ''}`],
  ]);
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...[
      '-M',
      'q35',
      '-accel',
      machine,
      '-cpu',
      CPU[machine],
      '-smp',
      '1',
      '-m',
      `${2 * MEGABYTES_PER_NODE}M`,
    ],
    ...nodes,
    ...['-kernel', image, '-initrd', initrd],
    ...['-append', COMMAND_LINE],
    ...drives.flatMap(({ file }, i) => [
      ...['-drive', `file=${file},if=none,id=drive${i},format=raw,cache=unsafe`],
      ...['-device', `nvme,serial=drive${i},drive=drive${i}`],
    ]),
    ...['-serial', `file:${consoleFile}`, '-serial', 'stdio'],
  ];
}

async function attempt(guest: Guest, jobs: readonly Job[]): Promise<Attempt & { isMute: boolean }> {
  const { folder, machine, options } = guest;
  const initrd = join(folder, 'initrd');
  const consoleFile = join(folder, 'console');
  writeFileSync(initrd, initramfs(guest.agent, jobs));
  writeFileSync(consoleFile, '');
  const reader = new ReportReader(jobs, options.onRun);
  const spawned = start(guest.qemu, parametersOf(guest, initrd, consoleFile), { env: guest.env, folder });
  let said = '';
  spawned.child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
  const bootMs = (options.bootSeconds ?? BOOT_SECONDS) * 1000;
  const began = Date.now();
  const heard = await listen(spawned, reader, {
    silence() {
      if (reader.features) return (options.jobSeconds ?? JOB_SECONDS) * 1000;
      const isMute = machine === 'kvm' && statSync(consoleFile).size === 0;
      return isMute ? Math.min(KVM_SECONDS * 1000, bootMs) : bootMs;
    },
    signal: options.signal,
  });
  const text = readFileSync(consoleFile, 'latin1');
  return {
    reader,
    isMute: reader.features === null && text === '',
    reason: notBooted(guest, text, said, heard, Date.now() - began),
    isHang: heard.silent !== null,
    end: options.signal?.aborted ? { kind: 'stopped', reason: 'interrupted' } : kernelEnd(text, heard),
  };
}

function kernelEnd(text: string, { silent }: Heard): RunEnd {
  const finding = findingOf(text);
  if (finding) return { kind: 'kernel', ...finding };
  return { kind: 'kernel', what: silent === null ? 'gone' : 'hang', lines: lastLines(text) };
}

function notBooted(guest: Guest, text: string, said: string, heard: Heard, ms: number): string {
  const { image, machine } = guest;
  const seconds = (ms / 1000).toFixed(1);
  const lines = findingOf(text)?.lines.slice(0, 8) ?? lastLines(text, 8);
  const how = heard.silent === null ? `QEMU ended after ${seconds} s` : `nothing was heard for ${seconds} s`;
  const detail = [...said.trim().split('\n').slice(0, 3), ...lines].filter((line) => line !== '');
  return [`${image} does not get as far as the agent (${machine}): ${how}`, ...detail].join('\n  ');
}
