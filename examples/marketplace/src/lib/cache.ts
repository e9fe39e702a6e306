import { Redis } from 'ioredis'

export const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')

/** Reads a JSON value from Redis, or makes it and keeps it for `seconds`. */
export async function cached<T>(key: string, seconds: number, make: () => Promise<T>): Promise<T> {
  const hit = await redis.get(key)
  if (hit !== null) {
    return JSON.parse(hit) as T
  }
  const value = await make()
  await redis.set(key, JSON.stringify(value), 'EX', seconds)
  return value
}
