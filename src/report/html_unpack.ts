/** Runs in the browser: the runs of the review from what packRuns in html_runs.ts made of them. */
export const unpackRuns = `
function unpackRuns({ texts, lines: numbers, tape, solos, runs }) {
  let at = 0, newText = 0, newLine = 0;
  const text = () => { const code = numbers[at++]; return texts[code === 0 ? newText++ : code - 1]; };
  const lines = [];
  while (at < numbers.length) {
    const line = { actor: numbers[at++], depth: numbers[at++], kind: text(), text: text(), changes: [] };
    for (let left = numbers[at++]; left > 0; left--) line.changes.push({ object: text(), before: text(), after: text() });
    lines.push(line);
  }
  const all = [];
  for (let i = 0; i < tape.length; i++) {
    if (tape[i] === 0) all.push(newLine++);
    else if (tape[i] > 0) all.push(tape[i] - 1);
    else { const from = tape[i + 1]; for (let j = 0; j < -tape[i]; j++) all.push(all[from + j]); i++; }
  }
  let place = 0;
  const take = (length) => all.slice(place, place += length).map((number) => lines[number]);
  return runs.map(([fixture, variant, broken, actors, token, replay, start, finish, before, length, others]) => ({
    fixture, variant, broken, actors, token, replay, start: solos[start], finish: solos[finish], before, lines: take(length),
    beside: others.map(([other, own, here, there]) => own === undefined ? { variant: other, lines: [], parts: null }
      : { variant: other, lines: take(own), parts: { here, there } }),
  }));
}
`;
