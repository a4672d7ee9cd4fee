// Writes the cases of cases.json with one logfmt writer: node writers.mjs NAME < cases.json
import { readFileSync } from 'node:fs'
import logfmt from 'logfmt'
import pino from 'pino'
import winston from 'winston'
import { logFmtFormat } from 'winston-logfmt'

const cases = JSON.parse(readFileSync(0, 'utf8'))

const writers = {
  logfmt: () => (name, v) => logfmt.log({ case: name, v }),
  // piped through node_modules/.bin/pino-logfmt
  pino: () => {
    const log = pino({ base: null })
    return (name, v) => log.info({ case: name, v }, 'it happened')
  },
  'winston-logfmt': () => {
    const log = winston.createLogger({ format: logFmtFormat(), transports: [new winston.transports.Console()] })
    return (name, v) => log.info('it happened', { case: name, v })
  }
}

const write = writers[process.argv[2]]()
for (const c of cases) write(c.name, c.value)
