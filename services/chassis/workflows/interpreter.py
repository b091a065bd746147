"""Runs a plan on the SDK: each step is a task, and each result is sent to the plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.chassis.workflows import sdk
from services.chassis.workflows.plan import (
    CallActivity,
    ContinueAsNew,
    RetryPolicy,
    Sleep,
    Step,
    StepFailed,
    WaitForEvent,
    Workflow,
)


def interpret(workflow: Workflow) -> Any:
    """A workflow function for the SDK: each step of the plan is a task, whose result it gets."""

    def run(context: Any, input: Any) -> Any:
        plan = workflow(input)
        answer: Any = None
        failure: StepFailed | None = None
        while True:
            try:
                step = plan.throw(failure) if failure else plan.send(answer)
            except StopIteration as end:
                return _end(context, end.value)
            answer, failure = yield from _run_step(context, step)

    return run


def _end(context: Any, value: Any) -> Any:
    if isinstance(value, ContinueAsNew):
        context.continue_as_new(value.input)
        return None
    return value


def _run_step(context: Any, step: Step) -> Any:
    try:
        return (yield _task(context, step)), None
    except sdk.task_failed_error() as error:
        name = step.activity if isinstance(step, CallActivity) else type(step).__name__
        return None, StepFailed(name, error.details.error_type, error.details.message)
    except TimeoutError:
        name = step.event if isinstance(step, WaitForEvent) else type(step).__name__
        return None, StepFailed(name, "timeout", "The event did not arrive.")


def _task(context: Any, step: Step) -> Any:
    match step:
        case CallActivity(activity, input, retry):
            return context.call_activity(activity, input=input, retry_policy=_policy(retry))
        case Sleep(seconds):
            return context.create_timer(timedelta(seconds=seconds))
        case WaitForEvent(event, seconds):
            return context.wait_for_external_event(event, timeout=timedelta(seconds=seconds))


def _policy(retry: RetryPolicy) -> Any:
    from dapr.ext import workflow

    if retry.max_attempts == 1:
        return None
    return workflow.RetryPolicy(
        first_retry_interval=timedelta(seconds=retry.initial_interval),
        max_number_of_attempts=retry.max_attempts,
        backoff_coefficient=retry.backoff_coefficient,
        max_retry_interval=timedelta(seconds=retry.max_interval),
    )
