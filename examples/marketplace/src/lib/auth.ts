import { createHash, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { MemberRole, UserRole } from '@prisma/client'
import { prisma } from './db.js'
import { HttpError } from './errors.js'

export interface Viewer {
  userId: string
  role: UserRole
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function hashPassword(password: string): string {
  const salt = randomBytes(16)
  return `${salt.toString('hex')}:${scryptSync(password, salt, 32).toString('hex')}`
}

export function passwordMatches(password: string, stored: string): boolean {
  const [salt = '', hash = ''] = stored.split(':')
  const given = scryptSync(password, Buffer.from(salt, 'hex'), 32)
  const kept = Buffer.from(hash, 'hex')
  return given.length === kept.length && timingSafeEqual(given, kept)
}

/** The user of the request's session cookie. */
export async function requireViewer(request: FastifyRequest): Promise<Viewer> {
  const cookie = request.headers.cookie ?? ''
  const token = /(?:^|; )session=([^;]+)/.exec(cookie)?.[1]
  if (!token) {
    throw new HttpError(401, 'sign in first')
  }
  const session = await prisma.session.findUnique({
    where: { tokenHash: sha256(token) },
    select: { expiresAt: true, user: { select: { id: true, role: true } } },
  })
  if (!session || session.expiresAt < new Date()) {
    throw new HttpError(401, 'sign in first')
  }
  return { userId: session.user.id, role: session.user.role }
}

/** The viewer's role in a vendor's team; throws where there is none. */
export async function requireMember(viewer: Viewer, vendorId: string): Promise<MemberRole> {
  const member = await prisma.vendorMember.findUnique({
    where: { vendorId_userId: { vendorId, userId: viewer.userId } },
    select: { role: true },
  })
  if (!member) {
    throw new HttpError(403, 'not a member of this vendor')
  }
  return member.role
}

export async function requireAdmin(request: FastifyRequest): Promise<Viewer> {
  const viewer = await requireViewer(request)
  if (viewer.role !== 'ADMIN') {
    throw new HttpError(403, 'administrators only')
  }
  return viewer
}
