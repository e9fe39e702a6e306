import { setTimeout as sleep } from 'node:timers/promises'
import { prisma } from '../lib/db.js'
import { abandonedCarts, expiredSessions, recountReviews } from './cleanup.js'
import { deliverDue, disableFailing } from './deliverWebhooks.js'

const DAY = 86_400_000
let stopping = false

process.on('SIGTERM', () => {
  stopping = true
})

let housekeepingDue = 0

while (!stopping) {
  const delivered = await deliverDue()
  if (Date.now() > housekeepingDue) {
    await expiredSessions()
    await abandonedCarts(new Date(Date.now() - 90 * DAY))
    await recountReviews()
    await disableFailing()
    housekeepingDue = Date.now() + DAY
  }
  if (delivered === 0) {
    await sleep(1000)
  }
}

await prisma.$disconnect()
