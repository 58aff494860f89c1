/**
 * A remote service on a real socket whose answers a test decides, and which remembers what it was asked.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Stub {
  readonly url: string
  /** In the order in which they came. */
  readonly questions: readonly string[]
  /** Of the clients that went away before they had an answer. */
  readonly abandoned: readonly string[]
  /** Fulfilled once it has been asked so often, also before. */
  asked(times: number): Promise<void>
  /** The same for clients that went away. */
  left(times: number): Promise<void>
  close(): Promise<void>
}

/** A status instead of a text is an error; undefined: no answer as long as the client waits. */
export type Reply = string | number | undefined

export async function stub(answer: (question: string, nth: number) => Reply | Promise<Reply>): Promise<Stub> {
  const questions: string[] = []
  const abandoned: string[] = []
  const news = new EventTarget()
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const question = await text(request)
    response.on('close', () => {
      if (response.writableFinished) return
      abandoned.push(question)
      news.dispatchEvent(new Event('news'))
    })
    questions.push(question)
    news.dispatchEvent(new Event('news'))
    const reply = await answer(question, questions.length)
    if (typeof reply === 'string') response.end(reply)
    else if (reply !== undefined) response.writeHead(reply).end()
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const until = async (list: readonly string[], times: number) => {
    while (list.length < times) await once(news, 'news')
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    questions,
    abandoned,
    asked: (times) => until(questions, times),
    left: (times) => until(abandoned, times),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
