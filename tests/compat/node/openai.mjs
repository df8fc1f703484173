// The openai client for Node: chat, streams, tools, responses, aborts, retries, an error inside a stream.
import OpenAI from 'openai'
import { assert, bundled, busy, collect, key, main, occupy, rests, scripted, test } from './check.mjs'

const client = new OpenAI({ baseURL: scripted, apiKey: key, maxRetries: 0 })
const real = new OpenAI({ baseURL: bundled, apiKey: key, maxRetries: 0 })
const model = 'gpt-oss-20b' // any name will do
const says = text => ({ role: 'user', content: text })
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const weather = { type: 'function', function: { name: 'get_weather', description: 'The weather.', parameters } }
const flat = { type: 'function', name: 'get_weather', description: 'The weather.', parameters, strict: false }

test('chat', async () => {
  const { data: answer, response } = await client.chat.completions.create({ model, messages: [says('hello')] }).withResponse()
  assert.equal(answer.choices[0].message.content, 'Hello there.')
  assert.equal(answer.choices[0].message.reasoning, 'Hm.')
  assert.equal(answer.choices[0].finish_reason, 'stop')
  assert.ok(response.headers.get('x-request-id'))
  const real_answer = await real.chat.completions.create({ model, messages: [says('Who are you?')], seed: 1, max_tokens: 60 })
  assert.ok(real_answer.choices[0].message.content.length > 10)
})

test('models', async () => {
  const list = await collect(await real.models.list())
  assert.equal(list.length, 1)
  assert.equal((await real.models.retrieve(list[0].id)).object, 'model')
  await assert.rejects(real.models.retrieve('nothing'), OpenAI.NotFoundError)
})

test('stream', async () => {
  for (const c of [client, real]) {
    const ask = { model, messages: [says('Tell me a story about a fox.')], seed: 3, max_tokens: 40 }
    const whole = await c.chat.completions.create(ask)
    const stream = c.chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
    const chunks = await collect(stream)
    const final = await stream.finalChatCompletion()
    assert.equal(final.choices[0].message.content, whole.choices[0].message.content)
    assert.equal(final.choices[0].finish_reason, whole.choices[0].finish_reason)
    assert.deepEqual({ ...final.usage, prompt_tokens_details: 0 }, { ...whole.usage, prompt_tokens_details: 0 })
    assert.equal(chunks.map(x => x.choices[0]?.delta?.reasoning ?? '').join(''), whole.choices[0].message.reasoning ?? '')
  }
})

test('logprobs and n', async () => {
  const answer = await real.chat.completions.create({ model, messages: [says('hello')], n: 3, logprobs: true, top_logprobs: 2, seed: 1, max_tokens: 30 })
  assert.equal(answer.choices.length, 3)
  for (const choice of answer.choices)
    for (const token of choice.logprobs.content) assert.ok(token.logprob <= 0 && token.top_logprobs.length === 2)
})

test('tools by hand', async () => {
  const messages = [says('What is the weather in Paris?')]
  const first = await client.chat.completions.create({ model, messages, tools: [weather] })
  const message = first.choices[0].message
  assert.equal(first.choices[0].finish_reason, 'tool_calls')
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' })
  messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '18 degrees' })
  const second = await client.chat.completions.create({ model, messages, tools: [weather] })
  assert.equal(second.choices[0].message.content, 'It is 18 degrees in Paris.')
})

test('runTools', async () => {
  const seen = []
  const run = input => { seen.push(input); return '18 degrees' }
  for (const stream of [false, true]) {
    const runner = client.chat.completions.runTools({
      model, stream, messages: [says('What is the weather in Paris?')],
      tools: [{ type: 'function', function: { ...weather.function, function: run, parse: JSON.parse } }],
    })
    assert.match(await runner.finalContent(), /18 degrees/)
  }
  assert.deepEqual(seen, [{ city: 'Paris' }, { city: 'Paris' }])
})

test('custom tool', async () => {
  const tools = [{ type: 'custom', custom: { name: 'apply_patch', description: 'Patches.' } }]
  const messages = [says('Patch it')]
  const first = await client.chat.completions.create({ model, messages, tools })
  const call = first.choices[0].message.tool_calls[0]
  assert.equal(call.type, 'custom')
  assert.equal(call.custom.input, '*** Begin "Patch"\nä\n')
  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'patched' })
  const second = await client.chat.completions.create({ model, messages, tools })
  assert.equal(second.choices[0].message.content, 'It is patched.')
})

test('responses', async () => {
  const first = await client.responses.create({ model, input: 'My word is plum.', metadata: { a: 'b' } })
  assert.equal(first.output_text, 'Noted.')
  const second = await client.responses.create({ model, input: 'Which word?', previous_response_id: first.id })
  assert.equal(second.output_text, 'Plum.')
  assert.equal(second.previous_response_id, first.id)
  const again = await client.responses.retrieve(first.id)
  assert.deepEqual(again.output, first.output)
  assert.equal(again.metadata.a, 'b')
  const items = await collect(await client.responses.inputItems.list(second.id))
  assert.ok(items.length >= 3)
  const counted = await client.responses.inputTokens.count({ model, input: 'My word is plum.' })
  assert.equal(counted.input_tokens, first.usage.input_tokens)
  await client.responses.delete(first.id)
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError)
  await assert.rejects(client.responses.create({ model, input: 'x', previous_response_id: first.id }), OpenAI.NotFoundError)
})

test('responses that are not stored', async () => {
  const include = ['reasoning.encrypted_content']
  const input = [says('What is the weather in Paris?')]
  const first = await client.responses.create({ model, input, include, store: false, tools: [flat] })
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError)
  const [thought, call] = first.output
  assert.ok(thought.encrypted_content)
  assert.equal(call.type, 'function_call')
  input.push({ ...thought, content: undefined }, call, { type: 'function_call_output', call_id: call.call_id, output: '18 degrees' })
  const second = await client.responses.create({ model, input, include, store: false, tools: [flat] })
  assert.equal(second.output_text, 'It is 18 degrees in Paris.')
})

test('a stream of responses', async () => {
  const stream = client.responses.stream({ model, input: 'What is the weather in Paris?', tools: [flat] })
  const events = await collect(stream)
  const final = await stream.finalResponse()
  assert.equal(final.output[1].arguments, '{"city":"Paris"}')
  assert.equal(events.filter(e => e.type === 'response.function_call_arguments.delta').map(e => e.delta).join(''), '{"city":"Paris"}')
  assert.equal(events.filter(e => e.type === 'response.reasoning_text.delta').map(e => e.delta).join(''), 'I must look.')
  const second = await client.responses.create({
    model, tools: [flat], previous_response_id: final.id,
    input: [{ type: 'function_call_output', call_id: final.output[1].call_id, output: '18 degrees' }],
  })
  assert.equal(second.output_text, 'It is 18 degrees in Paris.')
  const told = client.responses.stream({ model: 'x', input: 'hello' })
  assert.equal((await told.finalResponse()).output_text, 'Hello there.')
  const short = await real.responses.stream({ model, input: 'Tell me a story.', max_output_tokens: 5 }).finalResponse()
  assert.equal(short.status, 'incomplete')
  assert.equal(short.incomplete_details.reason, 'max_output_tokens')
})

test('abort', async () => {
  const stream = await client.chat.completions.create({ model, messages: [says('Count')], stream: true })
  let n = 0
  for await (const _ of stream) if (++n > 5) break // leaves, and so aborts
  await rests()
  const control = new AbortController()
  setTimeout(() => control.abort(), 200)
  await assert.rejects(client.chat.completions.create({ model, messages: [says('Count')] }, { signal: control.signal }), OpenAI.APIUserAbortError)
  await rests()
  const responses = client.responses.stream({ model, input: 'Count' })
  setTimeout(() => responses.abort(), 200)
  await assert.rejects(responses.finalResponse())
  await rests()
})

test('retry after 429', async () => {
  const other = occupy()
  const patient = new OpenAI({ baseURL: busy, apiKey: 'one', maxRetries: 5 })
  await new Promise(done => setTimeout(done, 200))
  await assert.rejects(new OpenAI({ baseURL: busy, apiKey: 'one', maxRetries: 0 }).chat.completions.create({ model, messages: [says('hello')] }),
    OpenAI.RateLimitError)
  const answer = await patient.chat.completions.create({ model, messages: [says('hello')] })
  assert.equal(answer.choices[0].message.content, 'Hello there.')
  await other
  await assert.rejects(new OpenAI({ baseURL: busy, apiKey: 'wrong' }).models.list(), OpenAI.AuthenticationError)
})

test('an error inside a stream', async () => {
  let text = ''
  await assert.rejects(async () => {
    const stream = await client.chat.completions.create({ model, messages: [says('Break')], stream: true })
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? ''
  }, OpenAI.APIError)
  assert.ok(text.startsWith('This answer'))
  const events = await collect(await client.responses.create({ model, input: 'Break', stream: true }))
  assert.equal(events.at(-1).type, 'response.failed')
  assert.ok(events.at(-1).response.error.message)
  await assert.rejects(client.chat.completions.create({ model, messages: [says('Break')] }), OpenAI.InternalServerError)
})

test('bad requests', async () => {
  await assert.rejects(client.chat.completions.create({ model, messages: [] }), OpenAI.BadRequestError)
  await assert.rejects(client.chat.completions.create({ model, messages: [says('x')], n: 1000 }),
    e => e instanceof OpenAI.BadRequestError && e.param === 'n' && e.type === 'invalid_request_error')
})

await main()
