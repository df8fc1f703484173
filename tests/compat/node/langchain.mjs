// LangChain's ChatOpenAI, over chat completions and over responses.
import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'
import { assert, bundled, busy, collect, key, main, occupy, rests, scripted, test } from './check.mjs'

const make = (more = {}, url = scripted, apiKey = key) =>
  new ChatOpenAI({ model: 'gpt-oss', apiKey, maxRetries: 0, configuration: { baseURL: url }, ...more })
const weather = tool(async () => '18 degrees', { name: 'get_weather', description: 'The weather.', schema: z.object({ city: z.string() }) })
const apis = [['chat', {}], ['responses', { useResponsesApi: true }]]

for (const [name, more] of apis) {
  test(name, async () => {
    const answer = await make(more).invoke('hello')
    assert.equal(answer.text, 'Hello there.')
    assert.ok(answer.usage_metadata.input_tokens > 10 && answer.usage_metadata.output_tokens > 5)
    assert.ok((await make({ ...more, temperature: 0 }, bundled).invoke('Who are you?')).text.length > 5)
  })

  test(name + ': stream', async () => {
    const chunks = await collect(await make(more).stream('hello'))
    assert.equal(chunks.map(c => c.text).join(''), 'Hello there.')
    assert.ok(chunks.some(c => c.usage_metadata?.output_tokens > 5))
    assert.ok((await collect(await make({ ...more, temperature: 0 }, bundled).stream('Who are you?'))).map(c => c.text).join('').length > 5)
  })

  test(name + ': tools', async () => {
    const model = make(more).bindTools([weather])
    const messages = [new HumanMessage('What is the weather in Paris?')]
    const first = await model.invoke(messages)
    assert.equal(first.tool_calls[0].name, 'get_weather')
    assert.deepEqual(first.tool_calls[0].args, { city: 'Paris' })
    messages.push(first, new ToolMessage({ tool_call_id: first.tool_calls[0].id, content: await weather.invoke(first.tool_calls[0].args) }))
    assert.match((await model.invoke(messages)).text, /18 degrees/)
    const pieces = await collect(await model.stream([new HumanMessage('What is the weather in Paris?')]))
    const whole = pieces.reduce((a, b) => a.concat(b))
    assert.deepEqual(whole.tool_calls[0].args, { city: 'Paris' })
  })

  test(name + ': abort', async () => {
    const control = new AbortController()
    setTimeout(() => control.abort(), 300)
    await assert.rejects(async () => collect(await make(more).stream('Count', { signal: control.signal })))
    await rests()
  })

  test(name + ': retry after 429', async () => {
    const other = occupy()
    await new Promise(done => setTimeout(done, 200))
    assert.equal((await make({ ...more, maxRetries: 5 }, busy, 'one').invoke('hello')).text, 'Hello there.')
    await other
  })
}

test('an error inside a stream', async () => {
  await assert.rejects(async () => collect(await make().stream('Break')))
})

test('a response is continued', async () => {
  const model = make({ useResponsesApi: true })
  const first = await model.invoke('My word is plum.')
  const second = await model.invoke('Which word?', { previous_response_id: first.response_metadata.id })
  assert.equal(second.text, 'Plum.')
})

test('a response that is not stored', async () => {
  const model = make({ useResponsesApi: true, zdrEnabled: true }).bindTools([weather])
  const messages = [new HumanMessage('What is the weather in Paris?')]
  const first = await model.invoke(messages)
  messages.push(first, new ToolMessage({ tool_call_id: first.tool_calls[0].id, content: '18 degrees' }))
  assert.equal((await model.invoke(messages)).text, 'It is 18 degrees in Paris.')
})

await main()
