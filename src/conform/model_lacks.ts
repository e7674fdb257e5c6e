/** The model of a machine that lacks something. */
import type { VariantKernel } from '../core/index';
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
