import { randomBytes } from 'node:crypto'
import type { MemberRole } from '@prisma/client'
import { prisma } from '../lib/db.js'
import { hashPassword, passwordMatches, sha256 } from '../lib/auth.js'
import { HttpError, isTaken, notFound } from '../lib/errors.js'

const DAY = 86_400_000

/** citext compares without regard to case, through the unique index. */
export async function signIn(email: string, password: string) {
  const user = await prisma.user.findUnique({ where: { email }, select: { id: true, password: true } })
  if (!user || !passwordMatches(password, user.password)) {
    throw new HttpError(401, 'wrong address or password')
  }
  const token = randomBytes(32).toString('base64url')
  await prisma.session.create({
    data: { userId: user.id, tokenHash: sha256(token), expiresAt: new Date(Date.now() + 30 * DAY) },
  })
  return token
}

export async function signUp(email: string, password: string, fullName: string) {
  try {
    return await prisma.user.create({
      data: { email, fullName, password: hashPassword(password) },
      select: { id: true },
    })
  } catch (error) {
    if (isTaken(error)) {
      throw new HttpError(409, 'there is an account with this address')
    }
    throw error
  }
}

export async function profile(userId: string) {
  const user = await prisma.user.findUnique({ where: { id: userId } })
  if (!user) {
    throw notFound('user')
  }
  return user
}

export async function publicProfile(userId: string) {
  return prisma.user.findUnique({
    where: { id: userId },
    select: { id: true, fullName: true, createdAt: true },
  })
}

/** Ends one session, or the others of the user as well. */
export async function signOut(userId: string | undefined, keepTokenHash: string) {
  await prisma.session.deleteMany({ where: { userId, tokenHash: { not: keepTokenHash } } })
}

/** A new shop with its owner as the first member. */
export async function openVendor(ownerId: string, slug: string, legalName: string) {
  const vendor = await prisma.vendor.create({
    data: { ownerId, slug, legalName, apiKey: randomBytes(24).toString('hex'), tier: 'standard' },
  })
  await prisma.vendorMember.create({ data: { vendorId: vendor.id, userId: ownerId, role: 'OWNER' } })
  return vendor
}

/** Hands the shop to another member: three writes, one transaction. */
export async function transferVendor(vendorId: string, fromId: string, toId: string) {
  await prisma.$transaction(async (tx) => {
    await tx.vendor.update({ where: { id: vendorId }, data: { ownerId: toId } })
    await tx.vendorMember.update({
      where: { vendorId_userId: { vendorId, userId: fromId } },
      data: { role: 'MANAGER' },
    })
    await tx.vendorMember.upsert({
      where: { vendorId_userId: { vendorId, userId: toId } },
      create: { vendorId, userId: toId, role: 'OWNER' },
      update: { role: 'OWNER' },
    })
  })
}

export async function invite(vendorId: string, email: string, role: MemberRole) {
  const token = randomBytes(32).toString('base64url')
  const expiresAt = new Date(Date.now() + 7 * DAY)
  await prisma.vendorInvitation.upsert({
    where: { vendorId_email: { vendorId, email: email.toLowerCase() } },
    create: { vendorId, email: email.toLowerCase(), role, tokenHash: sha256(token), expiresAt },
    update: { role, tokenHash: sha256(token), expiresAt },
  })
  return token
}

/** Is there an invitation for somebody who has just signed up? */
export async function invitationFor(email: string) {
  return prisma.vendorInvitation.findFirst({
    where: { email: { equals: email, mode: 'insensitive' }, expiresAt: { gt: new Date() } },
    select: { id: true, vendorId: true, role: true },
  })
}

export async function acceptInvitation(userId: string, token: string) {
  await prisma.$transaction(async (tx) => {
    const invitation = await tx.vendorInvitation.delete({
      where: { tokenHash: sha256(token), expiresAt: { gt: new Date() } },
      select: { vendorId: true, role: true },
    })
    await tx.vendorMember.create({ data: { userId, ...invitation } })
  })
}
