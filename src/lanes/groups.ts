import {
  equalShare,
  freeGroupSlots,
  hasAnsweredLately,
  initialGroupSlots,
  mostOfGroup,
} from '../domain/group-slots.ts';
import type { LaneGroups } from '../domain/lane.ts';
import type { StrainLevel } from '../domain/strain.ts';
import { AnsweringGroups } from './answering-groups.ts';
import { createGroup, type Group, giveWay, noteAnswer, topOf } from './group.ts';
import { forgetAfterMs, gain, lose, mostRemembered } from './slot-holder.ts';
import { mostListed, UnusualGroups } from './unusual-groups.ts';

/** The epochs in which a request began. */
export interface GroupEpochs {
  readonly top: number;
  readonly origin: number;
}

/** What the end of a request says about its groups. */
export interface GroupEnd {
  readonly begun: GroupEpochs;
  /** The receiver gave an HTTP answer, whatever its status. */
  readonly answered: boolean;
  /** It gave none, or one that says "too much", and that was not our own fault. */
  readonly isOverload: boolean;
  readonly nowMs: number;
}

/**
 * How much each tenant and each origin may have in flight and has, as this process has learnt it.
 *
 * The last quarter of all slots is guarded. Top groups that have not answered lately never hold more than three quarters together,
 * however many they are; and while only the last quarter is left, a group gets no more than its equal share.
 */
export class Groups {
  readonly #most: number;
  readonly #mostOfGroup: number;
  readonly #known = new Map<string, Group>();
  /** Remembered without being used, longest first. */
  readonly #idle = new Set<Group>();
  readonly inFlightNow = new Set<Group>();
  /** Others that have other slots than usual. */
  readonly #unusual = new UnusualGroups();
  readonly #answering = new AnsweringGroups();
  #wishedFor: Group[] = [];
  #wished = 0;
  #inFlight = 0;
  /** Requests in flight of top groups that had not answered lately when the latest choice began, and wishes; or more. */
  #untrusted = 0;
  #topCount = 0;
  #strain: StrainLevel = 'none';
  #round = 0;

  constructor(most: number) {
    this.#most = most;
    this.#mostOfGroup = mostOfGroup(most);
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * How many slots a group has that a claim is not told of. Fewer than at first if those that have not answered lately hold too many;
   * one at most if many groups have fewer.
   */
  get usualSlots(): number {
    return Math.min(this.#unusual.areMany ? 1 : this.#initial, this.untrustedRoom);
  }

  /** How many more requests top groups may begin that have not answered lately. */
  get untrustedRoom(): number {
    return Math.max(0, this.#mostOfGroup - this.#untrusted);
  }

  /** How many more requests may begin until only the last quarter is left. */
  get commonRoom(): number {
    return Math.max(0, this.#mostOfGroup - this.#inFlight - this.#wished);
  }

  /** How many slots a top group may hold when only the last quarter is left. */
  get share(): number {
    return equalShare(this.#most, this.#topCount);
  }

  get #initial(): number {
    return Math.min(initialGroupSlots, this.#mostOfGroup);
  }

  /** How much more a top group may hold for the sake of the others. */
  shareRoom(group: Group): number {
    return Math.max(this.commonRoom, this.share - group.held - group.wished);
  }

  /** A choice of at most `room` begins: what was wished for before has begun, or was not there. */
  beginChoice({ room, nowMs }: { room: number; nowMs: number }): void {
    this.clearWishes();
    // Mostly there is room for all of them, whoever has answered: then it need not be known.
    this.#untrusted = this.#inFlight;
    if (this.#inFlight + room < this.#mostOfGroup) return;
    this.#untrusted = 0;
    for (const group of this.inFlightNow) {
      if (!hasAnsweredLately(group, nowMs)) this.#untrusted += group.held;
    }
  }

  /** Counts what the present choice wishes for: of a lane in these groups, the top one last. */
  wish(groups: readonly Group[], { count, nowMs }: { count: number; nowMs: number }): void {
    this.#wished += count;
    for (const group of groups) {
      if (group.wished === 0) this.#wishedFor.push(group);
      group.wished += count;
    }
    const top = groups.at(-1);
    if (top !== undefined && !hasAnsweredLately(top, nowMs)) this.#untrusted += count;
  }

  clearWishes(): void {
    for (const group of this.#wishedFor) group.wished = 0;
    this.#wishedFor = [];
    this.#wished = 0;
  }

  /** Looks a group up for one who uses it until {@link release}. */
  hold(key: string, { isTop }: { isTop: boolean }): Group {
    const group = this.#known.get(key) ?? this.#create(key);
    group.uses += 1;
    if (isTop) {
      if (group.topUses === 0) this.#topCount += 1;
      group.topUses += 1;
    }
    if (group.uses > 1) return group;
    this.#idle.delete(group);
    this.#note(group);
    return group;
  }

  release(group: Group, { isTop }: { isTop: boolean }): void {
    group.uses -= 1;
    if (isTop) {
      group.topUses -= 1;
      if (group.topUses === 0) this.#topCount -= 1;
    }
    if (group.uses > 0) return;
    this.#note(group);
    if (this.#hasLearnt(group)) this.#remember(group);
    else this.#forget(group);
  }

  find(key: string): Group | undefined {
    return this.#known.get(key);
  }

  begin(groups: LaneGroups, nowMs: number): GroupEpochs {
    const { tenant, origin } = groups;
    this.#inFlight += 1;
    const top = this.#begin(topOf(groups), { isTop: true, nowMs });
    return { top, origin: tenant === null ? top : this.#begin(origin, { isTop: false, nowMs }) };
  }

  end({ tenant, origin }: LaneGroups, end: GroupEnd): void {
    this.#inFlight -= 1;
    const { top, origin: epoch } = end.begun;
    // A tenant does not rest, because other origins of it may be well.
    if (tenant !== null) this.#end(tenant, { ...end, epoch: top, isTop: true, mayRest: false });
    this.#end(origin, { ...end, epoch, isTop: tenant === null, mayRest: true });
  }

  /** The origin is well again after its breaker was open: one request at first, and then as many more as are answered. */
  slowStart(origin: string, nowMs: number): void {
    const known = this.#known.get(origin);
    if (known === undefined && this.#idle.size >= mostRemembered) return;
    const group = known ?? this.#create(origin);
    group.state = { slots: 1, epoch: group.state.epoch + 1 };
    group.failures = 0;
    group.restUntilMs = 0;
    group.isBehind = true;
    group.usedMs = nowMs;
    this.#note(group);
    if (group.uses === 0) this.#remember(group);
  }

  noteAge(groups: LaneGroups, { isBehind }: { isBehind: boolean }): void {
    const group = this.#known.get(topOf(groups));
    if (group !== undefined) group.isBehind = isBehind;
  }

  /** After each round. While something that has just arrived has to wait, groups that work off a backlog take less and less. */
  setStrain(level: StrainLevel): void {
    this.#strain = level;
    this.#round += 1;
    if (level !== 'high') return;
    for (const groups of [this.inFlightNow, this.#unusual]) {
      for (const group of groups) if (group.isBehind) giveWay(group);
    }
  }

  /** The free slots of the groups that have other than the usual ones. What is wished for is not free. */
  constrained(nowMs: number): Record<string, number> {
    const constrained: Record<string, number> = {};
    const usual = this.usualSlots;
    const trusted = usual < this.#initial ? this.#answering.latest(mostListed) : [];
    for (const groups of [trusted, this.#wishedFor, this.#unusual.listed, this.inFlightNow]) {
      for (const group of groups) {
        const slots = Math.max(0, this.#roomOf(group, nowMs));
        if (slots !== usual) constrained[group.key] = slots;
      }
    }
    return constrained;
  }

  /** Forgets what was learnt about groups that have been idle for ten minutes, and answers that were long ago. */
  sweep(nowMs: number): void {
    for (const group of this.#answering.sweep(nowMs)) {
      if (group.uses === 0 && !this.#hasLearnt(group)) this.#forget(group);
    }
    for (const group of this.#idle) {
      if (nowMs - group.usedMs <= forgetAfterMs) break;
      this.#forget(group);
    }
  }

  /** An origin that is no top group has room of its own: the others' share is a matter of its tenants. */
  #roomOf(group: Group, nowMs: number): number {
    const free = freeGroupSlots(group, nowMs) - group.wished;
    if (group.uses > 0 && group.topUses === 0) return free;
    const room = Math.min(free, this.shareRoom(group));
    return hasAnsweredLately(group, nowMs) ? room : Math.min(room, this.untrustedRoom);
  }

  #begin(key: string, { isTop, nowMs }: { isTop: boolean; nowMs: number }): number {
    const group = this.hold(key, { isTop });
    if (group.inFlight === 0) {
      group.busyFromMs = nowMs;
      this.inFlightNow.add(group);
    }
    group.inFlight += 1;
    if (isTop) group.held += 1;
    group.usedMs = nowMs;
    return group.state.epoch;
  }

  #end(
    key: string,
    end: Omit<GroupEnd, 'begun'> & { epoch: number; isTop: boolean; mayRest: boolean },
  ): void {
    const group = this.#known.get(key);
    if (group === undefined) return;
    if (end.answered) {
      noteAnswer(group, end);
      // What answers only with failures gets back what silence has cost it, but needs no more slots than any other.
      const maxSlots = end.isOverload ? this.#initial : this.#mostOfGroup;
      gain(group, { maxSlots, strain: this.#strain, round: this.#round });
      this.#answering.add(group, end.nowMs);
    } else if (end.isOverload) lose(group, end);
    group.inFlight -= 1;
    if (end.isTop) group.held -= 1;
    group.usedMs = end.nowMs;
    if (group.inFlight === 0) {
      this.inFlightNow.delete(group);
      this.#note(group);
    }
    this.release(group, end);
  }

  /** An idle group with more slots than usual is not worth telling a claim of: its next wishes ask for all of them. */
  #note(group: Group): void {
    const more = group.state.slots - this.#initial;
    const isUnusual = more < 0 || group.failures > 0 || (more > 0 && group.uses > 0);
    if (isUnusual) this.#unusual.add(group);
    else this.#unusual.delete(group);
  }

  #hasLearnt(group: Group): boolean {
    const { state, failures } = group;
    return state.slots !== this.#initial || failures > 0 || this.#answering.has(group);
  }

  #create(key: string): Group {
    const group = createGroup(key, { slots: this.#initial });
    this.#known.set(key, group);
    return group;
  }

  #remember(group: Group): void {
    this.#idle.delete(group);
    this.#idle.add(group);
    const [oldest] = this.#idle.size > mostRemembered ? this.#idle : [];
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(group: Group): void {
    for (const groups of [this.#idle, this.#unusual, this.#answering]) groups.delete(group);
    this.#known.delete(group.key);
  }
}
