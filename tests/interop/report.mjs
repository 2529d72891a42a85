// One line per check, in the form that the runner counts.

const section = process.env.SECTION;

export async function check(name, body) {
  try {
    await body();
    console.log(`ok    ${section}: ${name}`);
  } catch (error) {
    const reason = String(error?.message ?? error).split('\n')[0];
    const cause = error?.cause ? ` ${JSON.stringify(error.cause)}`.slice(0, 400) : '';
    console.log(`FAIL  ${section}: ${name}: ${reason}${cause}`);
  }
}

export function same(actual, expected, what) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  }
}

export async function refused(promise, fits) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (fits(error)) return;
    throw error;
  }
  throw new Error(`not refused: ${JSON.stringify(value).slice(0, 200)}`);
}
