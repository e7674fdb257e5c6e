/** What the commands get from the command line. */
import type { Format } from './formats';
import type { ScreenOptions } from './terminal';

export interface CommonOptions extends ScreenOptions {
  readonly verbose?: boolean;
}

export interface CompareOptions extends CommonOptions {
  readonly variant?: readonly string[];
  readonly fixture?: readonly string[];
  readonly format: Format;
  /** A saved comparison. */
  readonly against?: string;
  readonly jobs?: number;
  readonly bound?: number;
  readonly quiet?: boolean;
  /** Again whenever a file changes. */
  readonly watch?: boolean;
  readonly shard?: { readonly index: number; readonly of: number };
  readonly hardware?: boolean;
}

export interface ReplayOptions extends RunOptions {
  readonly then?: 'explore';
}

export interface RunOptions extends CommonOptions {
  readonly invariant?: string;
  readonly full?: boolean;
  /** A C program in place of the columns. */
  readonly c?: boolean;
  readonly bound?: number;
  readonly hardware?: boolean;
}
