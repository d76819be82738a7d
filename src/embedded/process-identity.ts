import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A process and the time of its start. A pid alone proves nothing: after a reboot, or in a restarted container, small
 * pids are soon given to other programs.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** Finds the live process with this pid; undefined: there is none, or only a zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const startedAt = await startOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Whether exactly this process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await startOf(identity.pid)) === identity.startedAt;
}

/**
 * Whether the process is a zombie: it has ended, but its parent has not collected its exit status. Many programs never
 * do so as pid 1 of a container. To signal 0, such a process seems alive.
 */
export async function isZombie(pid: number): Promise<boolean> {
  return (await look(pid))?.isZombie === true;
}

/** Reads the command line of a live process, with its arguments joined by spaces. */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const arguments_ = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return arguments_ === '' ? undefined : arguments_.replaceAll('\0', ' ').trim();
  }
  if (process.platform === 'win32') {
    const query = `(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CommandLine`;
    const command = await output('powershell', ['-NoProfile', '-Command', query]);
    return command?.replaceAll('"', '');
  }
  return output('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
}

async function startOf(pid: number): Promise<string | undefined> {
  const entry = await look(pid);
  return entry === undefined || entry.isZombie ? undefined : entry.startedAt;
}

interface ProcessEntry {
  readonly isZombie: boolean;
  readonly startedAt: string;
}

async function look(pid: number): Promise<ProcessEntry | undefined> {
  if (process.platform === 'linux') return lookInProc(pid);
  if (process.platform === 'win32') {
    // PowerShell takes a third of a second to find a process's start time: too slow for every check.
    return answersSignals(pid) ? { isZombie: false, startedAt: 'unknown' } : undefined;
  }
  const line = await output('ps', ['-o', 'state=', '-o', 'lstart=', '-p', String(pid)]);
  if (line === undefined) return undefined;
  return { isZombie: line.startsWith('Z'), startedAt: line.replace(/^\S+\s+/, '') };
}

/** Ticks since boot start again at each boot, so the boot's id is stored with them. */
async function lookInProc(pid: number): Promise<ProcessEntry | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The program's name, in parentheses, may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  if (ticks === undefined) return undefined;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return { isZombie: state === 'Z' || state === 'X', startedAt: `${ticks}@${bootId.trim()}` };
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function output(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, args);
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch {
    return undefined;
  }
}
