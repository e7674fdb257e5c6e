/** What the kernel, the hardware or a fixture tells in a trace, in words. */
import { type Happening, hex, type MachineConfig, nameOfAddress } from '../core/index';
import type { TraceLine } from './trace';

/** @returns null for what a trace shows otherwise or not at all */
export function tell(config: MachineConfig, h: Happening): { kind: TraceLine['kind']; text: string } | null {
  const at = (va: number): string => nameOfAddress(config, va);
  switch (h.kind) {
    case 'begin':
      return { kind: 'fixture', text: h.text };
    case 'fault':
      return { kind: 'fault', text: `page fault at ${at(h.va)}, flags ${hex(h.flags)}` };
    case 'event':
      // A message of a fork brings a descriptor and has no address.
      return {
        kind: 'event',
        text: `userfaultfd message: ${h.msg.event}${h.msg.event === 'fork' ? '' : ` ${at(h.msg.address)}`}`,
      };
    case 'wake':
      return { kind: 'wake', text: `wakes ${h.woken.name}` };
    case 'signal':
      return { kind: 'signal', text: `${h.signal} at ${at(h.va)}: ${h.why}` };
    case 'log':
      return { kind: 'log', text: h.text };
    case 'bug':
      return { kind: 'bug', text: h.text };
    case 'return':
      return h.result < 0 ? { kind: 'fixture', text: `${h.name} returns ${h.result}` } : null;
    default:
      return null;
  }
}
