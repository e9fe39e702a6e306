import { Prisma } from '@prisma/client'

export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export function notFound(what: string): HttpError {
  return new HttpError(404, `${what} not found`)
}

/** Whether the error is a broken unique constraint. */
export function isTaken(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
}
