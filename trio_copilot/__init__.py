"""Trio-native, structured-concurrency client for the GitHub Copilot CLI.

Three blocks, three owners: `open_client` owns a CLI process and its connection,
`Client.open_session` a conversation, `Session.turn` one prompt. Nothing outlives its
block. Leaving a turn early, in any way, stops the work at the CLI.

To read the package, follow the data:

* `_transport`  starts the CLI or connects to it; moves bytes and looks at none
* `_wire`       bytes -> frames -> messages; sans-IO
* `_peer`       messages -> answered calls and notifications; one reader, one writer
* `_session`    notifications -> events -> subscribers and turns
* `_tools`      your functions that the model calls
* `_protocol`   the vocabulary: generated events and calls, loaded on first use
* `_client`     puts them together

What all of these use is in modules beside them: `_scopes` (nurseries, shields and
deadlines), `_blocks` (what `async with` enters), `_errors` and `_resource_errors` (every
exception), `_json`, `_names`, `_paths`, `_checks` and `_did_you_mean` (values from
outside), `_drafts` (fast frozen objects), `_telemetry`, `_extras`.

Public besides this module, each a facade that loads its names on first use (`_facade`,
with the table in `_public`):

* `events`, `rpc`  the generated classes
* `wire`           the lower layers
* `testing`        scripted stand-ins for the CLI and for the model
* `bridge`         sessions for browsers, over WebSockets
* `web`            a page for them, and turns over HTTP

The command `trio-copilot` is in `_app`; `_codegen` writes what is generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client.catalogue import (
        SessionChange as SessionChange,
        SessionMetadata as SessionMetadata,
    )
    from ._client.client import Client as Client
    from ._client.open_client import open_client as open_client
    from ._client.status import AuthStatus as AuthStatus, CliStatus as CliStatus
    from ._errors import (
        CliExitedError as CliExitedError,
        CliNotFoundError as CliNotFoundError,
        CliUnresponsiveError as CliUnresponsiveError,
        ConnectError as ConnectError,
        CopilotError as CopilotError,
        IncompatibleCliError as IncompatibleCliError,
        InternalError as InternalError,
        MalformedResultError as MalformedResultError,
        ProtocolError as ProtocolError,
        RpcError as RpcError,
        SessionNotFoundError as SessionNotFoundError,
        SubscriberLaggedError as SubscriberLaggedError,
        ToolDefinitionError as ToolDefinitionError,
    )
    from ._protocol.envelope import SessionEvent as SessionEvent
    from ._resource_errors import (
        ClientClosedError as ClientClosedError,
        SessionBrokenError as SessionBrokenError,
        SessionBusyError as SessionBusyError,
        SessionClosedError as SessionClosedError,
    )
    from ._session.attachments import (
        Attachment as Attachment,
        BlobAttachment as BlobAttachment,
        DirectoryAttachment as DirectoryAttachment,
        FileAttachment as FileAttachment,
    )
    from ._session.buffer import Lagged as Lagged, Overflow as Overflow
    from ._session.fanout import Subscription as Subscription
    from ._session.fences import fenced as fenced
    from ._session.hooks import (
        HookHandler as HookHandler,
        HookInput as HookInput,
        HookOutput as HookOutput,
        Hooks as Hooks,
    )
    from ._session.infinite import InfiniteSessions as InfiniteSessions
    from ._session.keywords import SessionKeywords as SessionKeywords
    from ._session.modes import (
        AutoModeAnswer as AutoModeAnswer,
        AutoModeSwitchHandler as AutoModeSwitchHandler,
        AutoModeSwitchRequest as AutoModeSwitchRequest,
        ExitPlanModeHandler as ExitPlanModeHandler,
        ExitPlanModeRequest as ExitPlanModeRequest,
    )
    from ._session.options import SessionOptions as SessionOptions
    from ._session.permissions import (
        Abstain as Abstain,
        Allow as Allow,
        Decision as Decision,
        Deny as Deny,
        PermissionHandler as PermissionHandler,
        PermissionRequest as PermissionRequest,
        abstain_all as abstain_all,
        allow_all as allow_all,
        deny_all as deny_all,
    )
    from ._session.provider import Provider as Provider
    from ._session.questions import (
        ElicitationHandler as ElicitationHandler,
        ElicitationRequest as ElicitationRequest,
        UserInputHandler as UserInputHandler,
        UserInputRequest as UserInputRequest,
    )
    from ._session.session import Session as Session
    from ._session.statistics import (
        ClientStatistics as ClientStatistics,
        SubscriptionStatistics as SubscriptionStatistics,
    )
    from ._session.system_message import (
        SectionChange as SectionChange,
        SystemMessage as SystemMessage,
    )
    from ._session.turn import Turn as Turn
    from ._session.turn_events import (
        CancelCause as CancelCause,
        Correction as Correction,
        Message as Message,
        Notice as Notice,
        ReasoningDelta as ReasoningDelta,
        Retry as Retry,
        TextDelta as TextDelta,
        ToolCall as ToolCall,
        ToolProgress as ToolProgress,
        ToolResult as ToolResult,
        TurnEnd as TurnEnd,
        TurnEndReason as TurnEndReason,
        TurnError as TurnError,
        TurnEvent as TurnEvent,
        TurnStart as TurnStart,
        Usage as Usage,
    )
    from ._tools.declare import (
        Tool as Tool,
        ToolContext as ToolContext,
        ToolError as ToolError,
        tool as tool,
    )
    from ._transport.connections import Stdio as Stdio, Tcp as Tcp
    from ._transport.find_cli import find_cli as find_cli
    from ._version import __version__ as __version__
else:
    from ._facade import lazy_facade as _lazy_facade

    __getattr__, __dir__ = _lazy_facade(__name__)
