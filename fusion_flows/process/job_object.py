"""The system calls of Windows that a tree in a job object needs, with their structures.

The structures are those of a 64-bit or 32-bit Windows on any platform, so that their layout can be
looked at anywhere: `ctypes.wintypes` has a DWORD of eight bytes on 64-bit Linux.
"""

import ctypes
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol, cast

BASIC_ACCOUNTING_INFORMATION = 1  # classes of information
EXTENDED_LIMIT_INFORMATION = 9
LIMIT_KILL_ON_JOB_CLOSE = 0x2000
CREATE_SUSPENDED = 0x4
CREATE_NEW_PROCESS_GROUP = 0x200
CREATE_NO_WINDOW = 0x08000000
CTRL_BREAK_EVENT = 1


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )


class Accounting(ctypes.Structure):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

    _fields_ = (
        ("total_user_time", ctypes.c_int64),
        ("total_kernel_time", ctypes.c_int64),
        ("this_period_total_user_time", ctypes.c_int64),
        ("this_period_total_kernel_time", ctypes.c_int64),
        ("total_page_fault_count", ctypes.c_uint32),
        ("total_processes", ctypes.c_uint32),
        ("active_processes", ctypes.c_uint32),
        ("total_terminated_processes", ctypes.c_uint32),
    )


class System(Protocol):
    """What a tree asks of Windows. Each function raises OSError when Windows refuses."""

    def start(
        self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        """Start a process in a process group of its own, suspended before its first instruction."""

    def create_job(self) -> int:
        """Return a handle of a new job, which no process inherits."""

    def kill_on_close(self, job: int) -> None:
        """Let the kernel kill all processes of the job when its last handle is closed."""

    def assign(self, job: int, process: "subprocess.Popen[bytes]") -> None:
        """Put a process, and so all that it will start, into the job."""

    def resume(self, process: "subprocess.Popen[bytes]") -> None:
        """Let a suspended process run."""

    def send_break(self, group: int) -> None:
        """Send Ctrl-Break to the processes of a group that have the same console as this one."""

    def active(self, job: int) -> int:
        """Return the number of living processes in the job."""

    def terminate(self, job: int, exit_code: int) -> None:
        """Kill all processes of the job."""

    def close(self, job: int) -> None:
        """Close the handle."""

    def kill_tree(self, pid: int) -> None:
        """Kill a process and what descends from it, as far as the chain of parents still tells."""


if sys.platform == "win32":
    import psutil

    class Kernel32:
        """The system itself."""

        def __init__(self) -> None:
            from ctypes import wintypes as w

            self._library = ctypes.WinDLL("kernel32", use_last_error=True)
            for name, result, arguments in (
                ("CreateJobObjectW", w.HANDLE, (w.LPVOID, w.LPCWSTR)),
                ("SetInformationJobObject", w.BOOL, (w.HANDLE, w.INT, w.LPVOID, w.DWORD)),
                (
                    "QueryInformationJobObject",
                    w.BOOL,
                    (w.HANDLE, w.INT, w.LPVOID, w.DWORD, w.LPDWORD),
                ),
                ("AssignProcessToJobObject", w.BOOL, (w.HANDLE, w.HANDLE)),
                ("TerminateJobObject", w.BOOL, (w.HANDLE, w.UINT)),
                ("CloseHandle", w.BOOL, (w.HANDLE,)),
                ("GenerateConsoleCtrlEvent", w.BOOL, (w.DWORD, w.DWORD)),
                ("GetConsoleCP", w.UINT, ()),
            ):
                function = getattr(self._library, name)
                function.restype, function.argtypes = result, arguments

        def start(
            self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]
        ) -> "subprocess.Popen[bytes]":
            """Start a process in a process group of its own, suspended.

            It gets a console of its own only if we have none: Ctrl-Break reaches none but ours.
            """
            has_console = self._library.GetConsoleCP() != 0
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                creationflags=CREATE_SUSPENDED
                | CREATE_NEW_PROCESS_GROUP
                | (0 if has_console else CREATE_NO_WINDOW),
            )

        def create_job(self) -> int:
            """Return a handle of a new job."""
            return int(_checked(self._library.CreateJobObjectW(None, None)))

        def kill_on_close(self, job: int) -> None:
            """Set the limit."""
            limits = ExtendedLimits()
            limits.basic.limit_flags = LIMIT_KILL_ON_JOB_CLOSE
            _checked(
                self._library.SetInformationJobObject(
                    job, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
                )
            )

        def assign(self, job: int, process: "subprocess.Popen[bytes]") -> None:
            """Put a process into the job by the handle that Popen holds."""
            handle = int(cast(Any, process)._handle)
            _checked(self._library.AssignProcessToJobObject(job, handle))

        def resume(self, process: "subprocess.Popen[bytes]") -> None:
            """Resume all threads; Popen has closed the handle of the one there is."""
            try:
                psutil.Process(process.pid).resume()
            except psutil.Error as error:
                raise OSError(f"cannot start process {process.pid}: {error}") from error

        def send_break(self, group: int) -> None:
            """Generate the event."""
            _checked(self._library.GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group))

        def active(self, job: int) -> int:
            """Ask for the accounting."""
            accounting = Accounting()
            _checked(
                self._library.QueryInformationJobObject(
                    job,
                    BASIC_ACCOUNTING_INFORMATION,
                    ctypes.byref(accounting),
                    ctypes.sizeof(accounting),
                    None,
                )
            )
            return int(accounting.active_processes)

        def terminate(self, job: int, exit_code: int) -> None:
            """Terminate the job."""
            _checked(self._library.TerminateJobObject(job, exit_code))

        def close(self, job: int) -> None:
            """Close the handle."""
            _checked(self._library.CloseHandle(job))

        def kill_tree(self, pid: int) -> None:
            """Run taskkill."""
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
                creationflags=CREATE_NO_WINDOW,
            )

    def _checked(result: Any) -> Any:
        """Return the result of a call, or raise the error that Windows gives for it."""
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())
        return result


def windows() -> System:
    """Return the system that this process runs on."""
    if sys.platform == "win32":
        return Kernel32()
    raise NotImplementedError("job objects are of Windows")
