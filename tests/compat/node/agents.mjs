// @openai/agents: a loop with tools over both of its APIs.
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, setTracingDisabled, tool } from '@openai/agents'
import OpenAI from 'openai'
import { z } from 'zod'
import { assert, bundled, busy, collect, key, main, occupy, rests, scripted, test } from './check.mjs'

setTracingDisabled(true)
const seen = []
const weather = tool({
  name: 'get_weather', description: 'The weather.', parameters: z.object({ city: z.string() }),
  execute: async input => { seen.push(input); return '18 degrees' },
})
const client = (url = scripted, apiKey = key, maxRetries = 0) => new OpenAI({ baseURL: url, apiKey, maxRetries })
const agent = (Model, c = client(), modelSettings = {}) =>
  new Agent({ name: 'Helper', instructions: 'Be brief.', model: new Model(c, 'gpt-oss'), tools: [weather], modelSettings })

for (const Model of [OpenAIChatCompletionsModel, OpenAIResponsesModel]) {
  const name = Model === OpenAIResponsesModel ? 'responses' : 'chat'

  test(name, async () => {
    assert.equal((await run(agent(Model), 'hello')).finalOutput, 'Hello there.')
    const plain = new Agent({ name: 'Small', model: new Model(client(bundled), 'gpt-oss'), modelSettings: { temperature: 0, maxTokens: 300 } })
    assert.ok((await run(plain, 'Who are you?')).finalOutput.length > 5)
  })

  test(name + ': tools', async () => {
    seen.length = 0
    const result = await run(agent(Model), 'What is the weather in Paris?')
    assert.equal(result.finalOutput, 'It is 18 degrees in Paris.')
    assert.deepEqual(seen, [{ city: 'Paris' }])
  })

  test(name + ': stream', async () => {
    seen.length = 0
    const stream = await run(agent(Model), 'What is the weather in Paris?', { stream: true })
    let text = ''
    for await (const event of stream)
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') text += event.data.delta
    await stream.completed
    assert.equal(text, 'It is 18 degrees in Paris.')
    assert.equal(stream.finalOutput, text)
    assert.equal(seen.length, 1)
  })

  test(name + ': a second turn', async () => {
    const first = await run(agent(Model), 'My word is plum.')
    const second = await run(agent(Model), [...first.history, { role: 'user', content: 'Which word?' }])
    assert.equal(second.finalOutput, 'Plum.')
  })

  test(name + ': abort', async () => {
    const control = new AbortController()
    const stream = await run(agent(Model), 'Count', { stream: true, signal: control.signal })
    setTimeout(() => control.abort(), 300)
    await collect(stream).catch(() => {})
    await rests()
  })

  test(name + ': retry after 429', async () => {
    const other = occupy()
    await new Promise(done => setTimeout(done, 200))
    assert.equal((await run(agent(Model, client(busy, 'one', 5)), 'hello')).finalOutput, 'Hello there.')
    await other
  })

  test(name + ': an error inside a stream', async () => {
    await assert.rejects(async () => {
      const stream = await run(agent(Model), 'Break', { stream: true })
      await collect(stream)
      await stream.completed
    })
  })
}

test('responses: stored and continued', async () => {
  const first = await run(agent(OpenAIResponsesModel), 'My word is plum.')
  const second = await run(agent(OpenAIResponsesModel), 'Which word?', { previousResponseId: first.lastResponseId })
  assert.equal(second.finalOutput, 'Plum.')
})

test('responses: not stored', async () => {
  const model = agent(OpenAIResponsesModel, client(), { store: false, providerData: { include: ['reasoning.encrypted_content'] } })
  assert.equal((await run(model, 'What is the weather in Paris?')).finalOutput, 'It is 18 degrees in Paris.')
})

await main()
