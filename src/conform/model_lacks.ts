/** In what the machine of the model differs from the one under test. */
import { flags, type VariantKernel } from '../core/index';
import type { UserStep } from '../workload/index';
import type { KernelFeatures } from './observation';

/** What the machine under test has not. */
export const machineLayers = ({ swap }: KernelFeatures): VariantKernel[] =>
  swap
    ? []
    : [
        {
          *add_to_swap() {
            return false;
          },
        },
      ];

/** Nothing lies above the last region here; in a real process its stack does, so that there is a mapping, elsewhere. */
export const below = ({ verb }: UserStep, result: number): number =>
  /^uffd_(un)?register$/.test(verb) && result === -flags.ENOMEM ? -flags.EINVAL : result;
