// What the scripts here share: servers by their addresses, a list of tests, cmocka's words at the end.
import assert from 'node:assert/strict'

export { assert }
export const bundled = process.env.OSSO_BUNDLED + '/v1' // the bundled model
export const scripted = process.env.OSSO_SCRIPTED + '/v1' // tests/compat/rules.jsonl
export const busy = process.env.OSSO_BUSY + '/v1' // the same; the key "one" may have one request at a time
export const key = 'none'

const tests = []
export const test = (name, run) => tests.push([name, run])

/** What somebody who is in the way does: an answer that takes a second holds the only place of the key. */
export async function occupy() {
  const response = await fetch(busy + '/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer one' },
    body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'Wait' }] }),
  })
  assert.equal(response.status, 200)
  return response.text()
}

/** Whoever has left holds nothing: soon no place is taken. */
export async function rests() {
  let slots
  for (let i = 0; i < 250; i++) {
    slots = await (await fetch(scripted.replace('/v1', '/slots'))).json()
    if (!slots.some(s => s.is_processing)) return
    await new Promise(done => setTimeout(done, 20))
  }
  assert.fail('still busy: ' + JSON.stringify(slots))
}

export async function collect(stream) {
  const all = []
  for await (const piece of stream) all.push(piece)
  return all
}

/** Whether a limit of time is at fault is seen at once, whatever the client makes of it. */
const inTime = promise =>
  Promise.race([promise, new Promise((_, fail) => setTimeout(() => fail(new Error('no end after 60 s')), 60000).unref())])

export async function main() {
  let passed = 0, failed = 0
  for (const [name, run] of tests) {
    if (process.argv.length > 2 && !process.argv.slice(2).includes(name)) continue
    try {
      await inTime(run())
      passed++
    } catch (e) {
      console.log('FAILED ' + name + '\n' + (e.stack ?? e))
      failed++
    }
  }
  console.log(`[  PASSED  ] ${passed} test(s).`)
  if (failed) console.log(`[  FAILED  ] ${failed} test(s).`)
  process.exit(failed ? 1 : 0)
}
