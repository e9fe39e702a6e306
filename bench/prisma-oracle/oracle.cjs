// Compiles calls of Prisma Client with the query compiler that @prisma/client ships, and prints the statements and
// the work in memory of each. No database: the client gets an adapter that refuses to run anything.
//
//   node oracle.cjs CACHE < cases.json > answers.json
//
// CACHE is a folder with node_modules as package.json asks for; generated clients are kept below it.
// In:  { schemas: { name: text }, cases: [{ schema, features: [], model, op, args }] }
// Out: [{ queries: [sql], memory: [{ path, step, … }], transaction }] or { error }, in the order of the cases.
'use strict'
const { execFileSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')

const cache = path.resolve(process.argv[2])

/** Generates the client of a schema once and returns its module. */
function clientOf(text, features) {
  const bare = text
    .replace(/^\s*(url|directUrl|shadowDatabaseUrl)\s*=.*$/gm, '')
    .replace(/^generator\s+\w+\s*\{[^}]*\}/gm, '')
  const generator =
    `generator client {\n  provider = "prisma-client-js"\n  output = "./client"\n` +
    `  previewFeatures = ${JSON.stringify(features)}\n}\n`
  const schema = generator + bare
  const folder = path.join(cache, 'clients', createHash('sha256').update(schema).digest('hex').slice(0, 16))
  const index = path.join(folder, 'client', 'index.js')
  if (!fs.existsSync(index)) {
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(path.join(folder, 'schema.prisma'), schema)
    // `generate` needs no schema engine, but would fetch one; a program that does nothing satisfies it.
    const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' }
    const cli = path.join(cache, 'node_modules', 'prisma', 'build', 'index.js')
    execFileSync(process.execPath, [cli, 'generate', '--schema', path.join(folder, 'schema.prisma')], {
      cwd: cache,
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  return { module: require(index), compiler: require(path.join(folder, 'client', 'query_compiler_fast_bg.js')) }
}

class Refused extends Error {}

/** An adapter of PostgreSQL that runs nothing. */
const adapter = {
  provider: 'postgres',
  adapterName: '@prisma/adapter-pg',
  async connect() {
    const refuse = async () => {
      throw new Refused('this adapter runs nothing')
    }
    return {
      provider: 'postgres',
      adapterName: '@prisma/adapter-pg',
      queryRaw: refuse,
      executeRaw: refuse,
      executeScript: refuse,
      startTransaction: refuse,
      getConnectionInfo: () => ({ supportsRelationJoins: true, schemaName: 'public' }),
      async dispose() {},
    }
  },
}

const plans = []

function watch(compiler) {
  const prototype = compiler.QueryCompiler.prototype
  if (prototype.watched) return
  const compile = prototype.compile
  prototype.compile = function (request) {
    const plan = compile.call(this, request)
    plans.push(typeof plan === 'string' ? JSON.parse(plan) : plan)
    return plan
  }
  prototype.watched = true
}

function sqlOf(query) {
  if (query.type === 'rawSql') return query.sql
  let number = 0
  let parameter = 0
  return query.fragments
    .map((fragment) => {
      const type = fragment.type === 'stringChunk' ? undefined : query.argTypes[parameter++]
      switch (fragment.type) {
        case 'stringChunk':
          return fragment.chunk
        case 'parameter':
          return `$${++number}`
        case 'parameterTuple':
          return `(${fragment.itemPrefix}$${++number}${fragment.itemSuffix})`
        case 'parameterTupleList': {
          // A list of rows that the program knows when it runs: shown as one row.
          const row = (type.elements ?? [type]).map(() => `$${++number}`).join(fragment.itemSeparator)
          return `${fragment.itemPrefix}${row}${fragment.itemSuffix}`
        }
        default:
          throw new Error(`unknown fragment ${fragment.type}`)
      }
    })
    .join('')
}

function memoryOf(operations, at, out) {
  if (operations.distinct !== null) out.push({ step: 'distinct', path: at, fields: operations.distinct })
  if (operations.pagination !== null) {
    const { cursor, take, skip } = operations.pagination
    if (cursor !== null) out.push({ step: 'cursor', path: at })
    if (take !== null || skip !== null) {
      const known = (value) => (typeof value === 'number' ? value : null)
      out.push({ step: 'page', path: at, take: known(take), skip: known(skip) })
    }
  }
  if (operations.reverse) out.push({ step: 'reverse', path: at })
  for (const [field, nested] of Object.entries(operations.nested)) {
    memoryOf(nested, at ? `${at}.${field}` : field, out)
  }
}

/** Walks a plan in the order it runs; of a decision, first the way that is taken when it holds. */
function walk(node, at, out) {
  switch (node.type) {
    case 'query':
    case 'execute':
      out.queries.push(sqlOf(node.args))
      return
    case 'transaction':
      out.transaction = true
      walk(node.args, at, out)
      return
    case 'process':
      walk(node.args.expr, at, out)
      memoryOf(node.args.operations, at, out.memory)
      return
    case 'join':
      walk(node.args.parent, at, out)
      for (const child of node.args.children) {
        const field = child.parentField.replace('@nested$', '')
        walk(child.child, at ? `${at}.${field}` : field, out)
      }
      return
    case 'let':
      for (const binding of node.args.bindings) walk(binding.expr, at, out)
      walk(node.args.expr, at, out)
      return
    case 'if':
      walk(node.args.value, at, out)
      walk(node.args.then, at, out)
      walk(node.args.else, at, out)
      return
    case 'diff':
      walk(node.args.from, at, out)
      walk(node.args.to, at, out)
      return
    case 'seq':
    case 'concat':
    case 'sum':
      for (const child of node.args) walk(child, at, out)
      return
    case 'reverse':
    case 'unique':
    case 'required':
      walk(node.args, at, out)
      return
    case 'mapField':
      walk(node.args.records, at, out)
      return
    case 'dataMap':
    case 'validate':
    case 'initializeRecord':
    case 'mapRecord':
      walk(node.args.expr, at, out)
      return
    case 'value':
    case 'get':
    case 'getFirstNonEmpty':
    case 'unit':
      return
    default:
      throw new Error(`unknown node ${node.type}`)
  }
}

/** JSON to what the client takes: `{"$": "DbNull"}` and the like stand for Prisma's own values. */
function revive(value, prisma) {
  if (Array.isArray(value)) return value.map((item) => revive(item, prisma))
  if (value === null || typeof value !== 'object') return value
  if ('$' in value) {
    if (value.$ === 'bytes') return new Uint8Array([1, 2, 3])
    return prisma[value.$]
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item, prisma)]))
}

async function main() {
  const input = JSON.parse(fs.readFileSync(0, 'utf8'))
  const clients = new Map()
  const answers = []
  for (const one of input.cases) {
    const features = one.features ?? []
    const key = `${one.schema} ${features.join(' ')}`
    if (!clients.has(key)) {
      const { module, compiler } = clientOf(input.schemas[one.schema], features)
      watch(compiler)
      const client = new module.PrismaClient({ adapter, log: [], errorFormat: 'minimal', queryPlanCacheMaxSize: 0 })
      clients.set(key, { client, prisma: module.Prisma })
    }
    const { client, prisma } = clients.get(key)
    const model = one.model[0].toLowerCase() + one.model.slice(1)
    plans.length = 0
    let failure
    try {
      await client[model][one.op](revive(one.args, prisma))
    } catch (error) {
      failure = String(error.message ?? error)
    }
    if (plans.length === 0) {
      answers.push({ error: failure ?? 'no plan was made' })
      continue
    }
    const out = { queries: [], memory: [], transaction: false }
    walk(plans[plans.length - 1], '', out)
    if (process.env.ORACLE_PLANS) out.plan = plans[plans.length - 1]
    answers.push(out)
  }
  process.stdout.write(JSON.stringify(answers), () => process.exit(0))
}

main()
