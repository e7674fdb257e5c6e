/**
 * Which variables of a state machine still matter at each of its labels, so that what nobody will read again neither
 * tells two equal states apart nor is kept. The analysis is the usual one, backwards over the jumps; where it cannot
 * tell, a variable matters.
 */
import type ts from 'typescript';

const compiler = (): typeof ts => require('typescript') as typeof ts;

/** Of one `case` of the machine. */
interface Block {
  /** Variables that may be read before the block gives them a value. */
  readonly used: Set<string>;
  /** Variables that functions handed to the callee read while the machine is parked behind this block. */
  readonly lent: Set<string>;
  readonly jumps: { readonly to: number; readonly written: ReadonlySet<string> }[];
}

/**
 * @param body the function given to `__generator`
 * @param names its variables
 * @returns by label: those that may be read from there on
 */
export function liveAt(
  body: ts.FunctionExpression,
  names: readonly string[],
  source: ts.SourceFile,
): string[][] {
  const reader = new Reader(new Set(names), source);
  const blocks = blocksOf(body).map((statements, label) => reader.read(statements, label + 1));
  const live = blocks.map(({ used }, label) => new Set([...used, ...(blocks[label - 1]?.lent ?? [])]));
  for (let changed = true; changed; ) {
    changed = false;
    for (let label = blocks.length - 1; label >= 0; label--) {
      for (const { to, written } of blocks[label]!.jumps) {
        for (const name of live[to] ?? []) {
          if (written.has(name) || live[label]!.has(name)) continue;
          live[label]!.add(name);
          changed = true;
        }
      }
    }
  }
  return live.map((known) => names.filter((name) => known.has(name) || reader.everywhere.has(name)));
}

/** The statements of each `case`, by label; a body that never pauses has one. */
function blocksOf({ body }: ts.FunctionExpression): (readonly ts.Statement[])[] {
  const machine = body.statements.find(compiler().isSwitchStatement);
  return machine ? machine.caseBlock.clauses.map(({ statements }) => statements) : [body.statements];
}

/** What calls a function at once and then forgets it. */
const forgetful = new Set([
  'every',
  'filter',
  'find',
  'findIndex',
  'flatMap',
  'forEach',
  'map',
  'some',
  'sort',
]);

class Reader {
  /** Variables that a function reads of which nobody knows when it is called. */
  readonly everywhere = new Set<string>();
  private block: Block = { used: new Set(), lent: new Set(), jumps: [] };
  private written = new Set<string>();
  /** How many conditions the place depends on: what is written there may not be. */
  private conditions = 0;

  constructor(
    private readonly names: ReadonlySet<string>,
    private readonly source: ts.SourceFile,
  ) {}

  /** @param next the label behind the block */
  read(statements: readonly ts.Statement[], next: number): Block {
    this.block = { used: new Set(), lent: new Set(), jumps: [] };
    this.written = new Set();
    for (const statement of statements) this.visit(statement);
    this.jump(next);
    return this.block;
  }

  private jump(to: number): void {
    this.block.jumps.push({ to, written: new Set(this.written) });
  }

  private visit(node: ts.Node): void {
    const c = compiler();
    if (c.isIdentifier(node)) this.use(node.text);
    else if (c.isPropertyAccessExpression(node)) this.visit(node.expression);
    else if (c.isPropertyAssignment(node)) this.visit(node.initializer);
    else if (c.isFunctionLike(node)) this.visitFunction(node);
    else if (c.isBinaryExpression(node)) this.visitBinary(node);
    else if (c.isReturnStatement(node)) this.visitReturn(node);
    else if (c.isIfStatement(node) || c.isConditionalExpression(node)) {
      const [condition, ...branches] = childrenOf(node);
      this.visit(condition!);
      this.perhaps(branches);
    } else if (c.isIterationStatement(node, false) || c.isSwitchStatement(node)) {
      this.perhaps(childrenOf(node));
    } else c.forEachChild(node, (child) => this.visit(child));
  }

  private use(name: string): void {
    if (this.names.has(name) && !this.written.has(name)) this.block.used.add(name);
  }

  private perhaps(nodes: readonly ts.Node[]): void {
    this.conditions++;
    for (const node of nodes) this.visit(node);
    this.conditions--;
  }

  private visitBinary({ left, right, operatorToken }: ts.BinaryExpression): void {
    const { SyntaxKind, isIdentifier } = compiler();
    const operator = operatorToken.kind;
    if (operator === SyntaxKind.EqualsToken && isIdentifier(left)) {
      this.visit(right);
      if (this.conditions === 0) this.written.add(left.text);
      return;
    }
    this.visit(left);
    if (operator === SyntaxKind.AmpersandAmpersandToken || operator === SyntaxKind.BarBarToken) {
      this.perhaps([right]);
    } else this.visit(right);
  }

  /** `return [3, n]` goes on at label n; all others return a value, or hand it out. */
  private visitReturn({ expression }: ts.ReturnStatement): void {
    if (!expression) return;
    if (compiler().isArrayLiteralExpression(expression)) {
      const [code, operand] = expression.elements.map((element) => element.getText(this.source));
      if (code === '3') return this.jump(Number(operand));
    }
    this.visit(expression);
  }

  private visitFunction(node: ts.Node): void {
    const read = new Set<string>();
    const visit = (child: ts.Node): void => {
      if (compiler().isIdentifier(child) && this.names.has(child.text)) read.add(child.text);
      compiler().forEachChild(child, visit);
    };
    visit(node);
    const holder = this.holderOf(node);
    for (const name of read) {
      this.use(name);
      if (holder === 'callee') this.block.lent.add(name);
      else if (holder === 'anybody') this.everywhere.add(name);
    }
  }

  /** Who may call a function after it was made, or nobody. */
  private holderOf(node: ts.Node): 'callee' | 'anybody' | 'nobody' {
    const c = compiler();
    let at = node;
    while (!c.isCallExpression(at.parent) || at.parent.expression === at) {
      const goesOn = c.isPropertyAssignment(at.parent) || c.isObjectLiteralExpression(at.parent);
      if (!goesOn) return 'anybody';
      at = at.parent;
    }
    const call = at.parent;
    if (isHandedOut(call)) return 'callee';
    const name = c.isPropertyAccessExpression(call.expression) ? call.expression.name.text : '';
    return forgetful.has(name) ? 'nobody' : 'anybody';
  }
}

/** `return [5, __values(call)]` or `return [4, call]`. */
function isHandedOut(call: ts.Node): boolean {
  const c = compiler();
  let at = call.parent;
  if (c.isCallExpression(at) && at.expression.getText() === '__values') at = at.parent;
  return c.isArrayLiteralExpression(at) && c.isReturnStatement(at.parent);
}

function childrenOf(node: ts.Node): ts.Node[] {
  const children: ts.Node[] = [];
  compiler().forEachChild(node, (child) => {
    children.push(child);
  });
  return children;
}
