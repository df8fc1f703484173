// Vercel's ai over @ai-sdk/openai-compatible (chat) and @ai-sdk/openai (responses). It checks every chunk against a schema.
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, isStepCount, streamText, tool } from 'ai'
import { z } from 'zod'
import { assert, bundled, busy, collect, key, main, occupy, rests, scripted, test } from './check.mjs'

const chat = url => createOpenAICompatible({ name: 'osso', baseURL: url, apiKey: key, includeUsage: true })('gpt-oss')
const responses = createOpenAI({ baseURL: scripted, apiKey: key }).responses('gpt-oss-20b')
const seen = []
const tools = {
  get_weather: tool({
    description: 'The weather.', inputSchema: z.object({ city: z.string() }),
    execute: async input => { seen.push(input); return '18 degrees' },
  }),
}
const quiet = { maxRetries: 0, onError: () => {} }

test('chat', async () => {
  const answer = await generateText({ model: chat(scripted), prompt: 'hello', ...quiet })
  assert.equal(answer.text, 'Hello there.')
  assert.equal(answer.reasoningText, 'Hm.')
  assert.ok(answer.usage.inputTokens > 10 && answer.usage.outputTokens > 5)
  assert.ok((await generateText({ model: chat(bundled), prompt: 'Who are you?', seed: 1, maxOutputTokens: 60, ...quiet })).text)
})

test('stream', async () => {
  const stream = streamText({ model: chat(scripted), prompt: 'hello', ...quiet })
  const parts = await collect(stream.fullStream)
  assert.ok(!parts.some(p => p.type === 'error'), JSON.stringify(parts))
  assert.equal(await stream.text, 'Hello there.')
  assert.equal(await stream.reasoningText, 'Hm.')
  assert.ok((await stream.usage).outputTokens > 5)
  assert.ok((await streamText({ model: chat(bundled), prompt: 'A story, please.', seed: 2, maxOutputTokens: 60, ...quiet }).text).length > 10)
})

for (const [name, model, more] of [
  ['chat', chat(scripted), {}], ['responses', responses, {}],
  ['responses that are not stored', responses, { providerOptions: { openai: { store: false, include: ['reasoning.encrypted_content'], forceReasoning: true } } }],
]) {
  test('tools: ' + name, async () => {
    seen.length = 0
    const ask = { model, tools, prompt: 'What is the weather in Paris?', stopWhen: isStepCount(3), ...quiet, ...more }
    assert.equal((await generateText(ask)).text, 'It is 18 degrees in Paris.')
    const stream = streamText(ask)
    const parts = await collect(stream.fullStream)
    assert.ok(!parts.some(p => p.type === 'error'), JSON.stringify(parts))
    assert.equal(await stream.text, 'It is 18 degrees in Paris.')
    assert.deepEqual(seen, [{ city: 'Paris' }, { city: 'Paris' }])
  })
}

test('responses are continued', async () => {
  const first = await generateText({ model: responses, prompt: 'My word is plum.', ...quiet })
  assert.equal(first.text, 'Noted.')
  const previousResponseId = first.providerMetadata.openai.responseId
  const second = await generateText({ model: responses, prompt: 'Which word?', providerOptions: { openai: { previousResponseId } }, ...quiet })
  assert.equal(second.text, 'Plum.')
})

test('abort', async () => {
  for (const model of [chat(scripted), responses]) {
    const control = new AbortController()
    setTimeout(() => control.abort(), 300)
    const parts = await collect(streamText({ model, prompt: 'Count', abortSignal: control.signal, ...quiet }).fullStream)
    assert.equal(parts.at(-1).type, 'abort')
    await rests()
  }
})

test('retry after 429', async () => {
  const other = occupy()
  await new Promise(done => setTimeout(done, 200))
  const model = createOpenAICompatible({ name: 'osso', baseURL: busy, apiKey: 'one' })('x')
  assert.equal((await generateText({ model, prompt: 'hello', maxRetries: 5 })).text, 'Hello there.')
  await other
})

test('an error inside a stream', async () => {
  for (const model of [chat(scripted), responses]) {
    const parts = await collect(streamText({ model, prompt: 'Break', ...quiet }).fullStream)
    assert.ok(parts.some(p => p.type === 'error'), JSON.stringify(parts))
  }
})

await main()
