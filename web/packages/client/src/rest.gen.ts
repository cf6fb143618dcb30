// Code generated from docs/openapi.json by scripts/rest-types; DO NOT EDIT.

export interface paths {
    readonly "/api/agents": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What can be run, and what is wrong with definitions
         * @description Needs the permission `agents:execute` or `executions:read`.
         */
        readonly get: operations["list-agents"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/agents/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * One agent's definition
         * @description Needs the permission `agents:execute` or `executions:read`.
         */
        readonly get: operations["get-agent"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/approvals": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What waits for an answer, in all executions
         * @description Answered with POST /api/executions/{id}/input. Needs the permission `executions:read` or `executions:approve`.
         */
        readonly get: operations["list-approvals"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/budgets": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What may be spent, and what has been
         * @description Needs the permission `costs:read`.
         */
        readonly get: operations["budgets"];
        /**
         * Change what all agents together may cost
         * @description Takes the place of all limits for all agents. What runs and costs money is ended at once where they are exceeded. Budgets of one agent are in its definition. Needs the permission `admin`.
         */
        readonly put: operations["set-budgets"];
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/costs": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What executions have cost
         * @description Sums are exact to a millionth of a dollar. An execution counts to the day on which it was queued. Needs the permission `costs:read`.
         */
        readonly get: operations["costs"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/events": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Server-sent events
         * @description The same messages, each data: a frame, its id the cursor. Honours Last-Event-ID. Needs a credential, whatever its permissions.
         */
        readonly get: operations["server-sent-events"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Executions, newest first
         * @description Needs the permission `executions:read`.
         */
        readonly get: operations["list-executions"];
        readonly put?: never;
        /**
         * Start an agent
         * @description 201 when this began an execution, 200 when the idempotency key had begun it before. Needs the permission `agents:execute`.
         */
        readonly post: operations["create-execution"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * How an execution stands
         * @description Needs the permission `executions:read`.
         */
        readonly get: operations["get-execution"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/cancel": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Stop an execution
         * @description Answers at once; the execution has ended when its event execution:cancelled says so. One that has ended already is left as it is. Needs the permission `executions:cancel`.
         */
        readonly post: operations["cancel-execution"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/continue": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Start the next turn of an agent's session
         * @description The new execution has the same agent, parameters and directory, and belongs to the one whose session goes on (parent). 409 when that has not ended, or has no session. Needs the permission `agents:execute`.
         */
        readonly post: operations["continue-execution"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/events": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * An execution's events, one a line
         * @description The journal's own bytes. What can't be given any more is told in its place by a logs:gap. Needs the permission `executions:read`.
         */
        readonly get: operations["execution-events"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/input": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Send text or an answer to a running agent
         * @description 409 when the execution does not run, or its stdin is closed: its definition needs stdin: open. What was sent is the event execution:input. Needs the permission `executions:input` or `executions:approve`.
         */
        readonly post: operations["send-input"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/log": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What the agent wrote, byte for byte
         * @description stdout and stderr in the order they were recorded, also while it runs. Of an agent whose output is a conversation (claude, acp, codex) it is what people read; raw gives the messages themselves. Needs the permission `executions:read`.
         */
        readonly get: operations["execution-log"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/pin": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        /**
         * Keep an execution whatever retention says
         * @description One that is pinned already stays so. Needs the permission `executions:cancel`.
         */
        readonly put: operations["pin-execution"];
        readonly post?: never;
        /**
         * Leave an execution to retention again
         * @description One that is not pinned stays so. Needs the permission `executions:cancel`.
         */
        readonly delete: operations["unpin-execution"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/{id}/search": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Find lines of an execution
         * @description Looks at the lines of the execution's log as a terminal shows them: escape sequences are carried out or left out, and a line that was recorded in several events is one. Up to the last event there is when it begins. Needs the permission `executions:read`.
         */
        readonly get: operations["search-execution"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/executions/cancel": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Stop all executions, or those of an agent or with a tag
         * @description Those that wait are taken out of the queue first, so that none of them starts when another ends. Only executions of agents that you may cancel are stopped. Needs the permission `executions:cancel`.
         */
        readonly post: operations["cancel-executions"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/keys": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * The API keys there are
         * @description Needs the permission `admin`.
         */
        readonly get: operations["list-keys"];
        readonly put?: never;
        /**
         * Make an API key
         * @description The answer is the only place where the key itself stands: the server keeps no more than its digest. Needs the permission `admin`.
         */
        readonly post: operations["create-key"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/keys/{id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Revoke an API key
         * @description It is refused from now on, and its open connections end within 5 s. What it started runs on. Needs the permission `admin`.
         */
        readonly delete: operations["revoke-key"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/messages": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Client messages
         * @description What a WebSocket client sends, for the two transports that only read: one message a line, as JSON or NDJSON. Needs a credential, whatever its permissions.
         */
        readonly post: operations["messages"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/notifications": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Channels, rules, and what became of the last messages
         * @description Needs the permission `admin`.
         */
        readonly get: operations["notifications"];
        /**
         * Replace channels and rules
         * @description Writes notifications.yaml anew, after it was checked. Needs the permission `admin`.
         */
        readonly put: operations["set-notifications"];
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/notifications/test": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Send a test message over a channel
         * @description Answers when the channel has taken it; 503 says why it did not. Needs the permission `admin`.
         */
        readonly post: operations["test-notification"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/poll": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Long poll
         * @description The same messages; answered at once when there is something. Needs a credential, whatever its permissions.
         */
        readonly get: operations["long-poll"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/retention": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What is kept, and what goes next
         * @description The rules in force, and exactly what the next run would remove if it were now. What runs, waits or is pinned is never among it. Needs the permission `executions:read`.
         */
        readonly get: operations["preview-retention"];
        readonly put?: never;
        /**
         * Remove now what the rules say
         * @description Otherwise the server does so by itself, now and then. Answers when it is done; who leaves before ends it after the execution it is at. Each removal is in the audit log. Needs the permission `admin`.
         */
        readonly post: operations["run-retention"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * When agents are started without a hand, and what came of it last
         * @description Needs the permission `agents:execute` or `executions:read`.
         */
        readonly get: operations["list-schedules"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules/{agent}/{n}/pause": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Keep a schedule from starting anything, over reloads and restarts
         * @description Needs the permission `agents:execute`.
         */
        readonly post: operations["pause-schedule"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules/{agent}/{n}/resume": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Let a schedule go on from now
         * @description Needs the permission `agents:execute`.
         */
        readonly post: operations["resume-schedule"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules/{agent}/{n}/run": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Start a schedule's run out of turn, with its parameters
         * @description Needs the permission `agents:execute`.
         */
        readonly post: operations["run-schedule"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules/occurrences": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * What was due in a span of time and what came of it, and what is due in it
         * @description Of a schedule that is due often, the first 500 due times to come are listed. Needs the permission `agents:execute` or `executions:read`.
         */
        readonly get: operations["list-occurrences"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schedules/preview": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * When an expression would be due
         * @description Needs the permission `agents:execute` or `executions:read`.
         */
        readonly get: operations["preview-schedule"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/schemas/agent.json": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * The JSON Schema of an agent's definition
         * @description For editors: a definition that begins with `# yaml-language-server: $schema=` and this address is checked as it is written. Needs no credential.
         */
        readonly get: operations["agent-schema"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/search": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Find lines of all executions
         * @description The newest execution first; each match says which one it is from. total counts over all of them. One that can't be searched is told by a logs:matches with error, and the last one then has complete: false. Needs the permission `executions:read`.
         */
        readonly get: operations["search"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/secrets": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * The names of the secrets there are
         * @description Needs the permission `admin`.
         */
        readonly get: operations["list-secrets"];
        readonly put?: never;
        /**
         * Store a secret, in place of one of that name
         * @description Runs that start from now on get it; those that run keep what they have. Needs the permission `admin`.
         */
        readonly post: operations["set-secret"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/secrets/{name}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        readonly post?: never;
        /**
         * Remove a secret
         * @description Runs whose definition names it can't be started any more. Needs the permission `admin`.
         */
        readonly delete: operations["remove-secret"];
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/session": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Who is signed in, and what they may do
         * @description Needs a credential, whatever its permissions.
         */
        readonly get: operations["session"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/system": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * A sample of the host, as in system:status
         * @description Needs the permission `system:read`.
         */
        readonly get: operations["system"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/tickets": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * A ticket for one sign-in or one connection
         * @description It stands for the caller once, within 30 s: in GET /login?ticket= or in ?ticket= of a WebSocket. A token never stands in an address. Needs a credential, whatever its permissions.
         */
        readonly post: operations["create-ticket"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/api/ws": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * WebSocket
         * @description The messages of the AsyncAPI document. The credential comes with the upgrade (header, cookie, one-time `ticket`) or as the first message. Needs no credential.
         */
        readonly get: operations["websocket"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/healthz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Whether the server lives
         * @description Needs no credential.
         */
        readonly get: operations["health"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/login": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Sign a browser in with a ticket
         * @description Sets the cookie and leads to the page. `ticket` is good for one use; `next` may name the place in the page to go to. Without a ticket it is the page itself. Needs no credential.
         */
        readonly get: operations["login-by-ticket"];
        readonly put?: never;
        /**
         * Sign a browser in with a token
         * @description Needs no credential.
         */
        readonly post: operations["login"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/logout": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Sign out
         * @description Needs no credential.
         */
        readonly post: operations["logout"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/mcp": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Model Context Protocol
         * @description Streamable HTTP without sessions, answered as JSON. Each tool is one of the requests here, with its permission. Needs a credential, whatever its permissions.
         */
        readonly post: operations["mcp"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/metrics": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Metrics for Prometheus
         * @description How the server does, in the text format of Prometheus; docs/observability says what there is. Needs the permission `system:read`.
         */
        readonly get: operations["metrics"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/readyz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Whether the server can take requests
         * @description 503 while it still adopts the executions of the server before it, and once it is going away. With a nearly full disk it is ready, and says so: history, cancellations and the page are needed most then. Needs no credential.
         */
        readonly get: operations["ready"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        readonly Agent: {
            /** @description ACP agent: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly acp?: unknown;
            /** @description What becomes of the uses of tools. */
            readonly approvalRules?: readonly components["schemas"]["Item"][] | null;
            /**
             * Format: int64
             * @description Until a question is denied; 0: the default, an hour.
             */
            readonly approvalTimeoutMs?: number;
            readonly budget?: components["schemas"]["AgentBudget"];
            /** @description Built in: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly builtin?: unknown;
            /** @description Claude Code: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly claude?: unknown;
            /** @description Codex: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly codex?: unknown;
            /** @description Command: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly command?: unknown;
            /** @description false: lines like ::progress 40:: are text. */
            readonly commands?: boolean;
            /**
             * Format: int64
             * @description Runs at a time, more are queued; 0: no limit of its own.
             */
            readonly concurrency?: number;
            readonly description?: string;
            /** @description The kind of agent, as command or claude: the key of the definition that says what is run. The answer has that key beside these, secrets masked. */
            readonly driver: string;
            /** @description The kind for people, as Claude Code. */
            readonly driverTitle: string;
            /** @description The names alone. */
            readonly env?: readonly string[] | null;
            /**
             * Format: int64
             * @description From an agent's result to its end; 0: the default, a minute.
             */
            readonly exitGraceMs?: number;
            /** @description Where it was read; none for what is built in. */
            readonly file?: string;
            /**
             * Format: int64
             * @description Without output; 0: none.
             */
            readonly idleTimeoutMs?: number;
            /** @description What one run may take of the machine. */
            readonly limits?: components["schemas"]["AgentLimits"];
            /**
             * Format: int64
             * @description Bytes; 0: no limit.
             */
            readonly maxOutput?: number;
            readonly name: string;
            /**
             * @description What follows when the usage limit of the agent's account is met; absent: continue.
             * @enum {string}
             */
            readonly onLimit?: "continue" | "fail";
            /**
             * @description merged: stdout and stderr are one pipe.
             * @enum {string}
             */
            readonly output?: "merged";
            /** @description The JSON Schema that an execution's config is validated against. */
            readonly parameters: unknown;
            /** @description What it sets itself; the rest is as the server has it. */
            readonly retention?: components["schemas"]["AgentRetention"];
            /** @description What is run, for people. Secrets masked. */
            readonly runs: readonly components["schemas"]["Row"][];
            /** @description When it is started without a hand. */
            readonly schedule?: readonly components["schemas"]["AgentSchedule"][] | null;
            /** @description Shell script: what the definition says, secrets masked. One of the kinds' keys is there. */
            readonly shell?: unknown;
            /**
             * @description open: text can be sent to it while it runs.
             * @enum {string}
             */
            readonly stdin?: "open";
            readonly stop: components["schemas"]["AgentStop"];
            /** @description Of each of its executions. */
            readonly tags?: readonly string[] | null;
            /**
             * Format: int64
             * @description Of the whole run; 0: none.
             */
            readonly timeoutMs?: number;
            readonly title: string;
            readonly workdir?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentBudget: {
            /** @description Counts what a subscription pays for, too. */
            readonly notional?: boolean;
            /**
             * Format: double
             * @description All runs queued on one day.
             */
            readonly perDay?: number;
            /**
             * Format: double
             * @description All runs queued in one month.
             */
            readonly perMonth?: number;
            /**
             * Format: double
             * @description Each run.
             */
            readonly usd?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentLimits: {
            /**
             * Format: double
             * @description Processors.
             */
            readonly cpu?: number;
            /**
             * Format: int64
             * @description Bytes.
             */
            readonly memory?: number;
            /**
             * Format: int64
             * @description Added to the server's own.
             */
            readonly nice?: number;
            /**
             * Format: int64
             * @description Processes and threads at a time.
             */
            readonly pids?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentRetention: {
            /** @description Whole executions. */
            readonly executions?: components["schemas"]["AgentRetentionExecutionsStruct"];
            /** @description Log lines. */
            readonly logs?: components["schemas"]["AgentRetentionLogsStruct"];
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentRetentionExecutionsStruct: {
            /**
             * Format: int64
             * @description Since the end; -1: no bound.
             */
            readonly ageMs?: number;
            /**
             * Format: int64
             * @description How many; -1: no bound.
             */
            readonly count?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentRetentionLogsStruct: {
            /**
             * Format: int64
             * @description Since the end; -1: no bound.
             */
            readonly ageMs?: number;
            /**
             * Format: int64
             * @description Bytes of all together; -1: no bound.
             */
            readonly size?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentsAnswerBody: {
            /** @description By name. */
            readonly agents: readonly components["schemas"]["Agent"][];
            /** @description What is wrong with definition files. The last good form of a file that has become wrong is still among agents. */
            readonly problems: readonly components["schemas"]["DefinitionProblem"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentSchedule: {
            readonly cron: string;
            readonly enabled: boolean;
            /**
             * Format: int64
             * @description A run begins up to so much after its due time.
             */
            readonly jitterMs?: number;
            /** @enum {string} */
            readonly missed: "skip" | "latest" | "all";
            /** @enum {string} */
            readonly overlap: "skip" | "queue" | "replace";
            /** @description Secrets masked. */
            readonly parameters?: unknown;
            readonly timezone: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentSpending: {
            readonly agent: string;
            readonly notional?: boolean;
            /** Format: double */
            readonly perDay?: number;
            /** Format: double */
            readonly perMonth?: number;
            /** Format: double */
            readonly spentDayUsd: number;
            /** Format: double */
            readonly spentMonthUsd: number;
            /** @enum {string} */
            readonly state: "ok" | "warning" | "exceeded";
            /**
             * Format: double
             * @description What each run may cost.
             */
            readonly usd?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly AgentStop: {
            /**
             * Format: int64
             * @description How long it has to end by itself before it is killed.
             */
            readonly graceMs: number;
            readonly signal: string;
            /**
             * @description Who gets the signal: every process alive at that moment, or the main process.
             * @enum {string}
             */
            readonly to: "tree" | "main";
        } & {
            readonly [key: string]: unknown;
        };
        readonly Approval: {
            readonly agentType: string;
            readonly askedAt: string;
            readonly executionId: string;
            readonly expiresAt?: string;
            readonly input?: unknown;
            readonly kind: string;
            readonly options?: readonly components["schemas"]["ApprovalOption"][] | null;
            readonly requestId: string;
            /** Format: int64 */
            readonly seq: number;
            readonly title?: string;
            readonly tool?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ApprovalOption: {
            readonly description?: string;
            readonly label: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ApprovalsAnswerBody: {
            /** @description Oldest first. */
            readonly approvals: readonly components["schemas"]["Approval"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly Artifact: {
            readonly modifiedAt: string;
            readonly path: string;
            /** Format: int64 */
            readonly size: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly BudgetReport: {
            /** @description Those whose definition has a budget. */
            readonly agents: readonly components["schemas"]["AgentSpending"][];
            /** @description The day of spentDayUsd, as 2006-01-02. */
            readonly day: string;
            /**
             * Format: double
             * @description What the month will have cost at its end, if it goes on as it went so far.
             */
            readonly forecastMonthUsd: number;
            /** @description The month of spentMonthUsd, as 2006-01. */
            readonly month: string;
            /** @description Counts what subscriptions pay for, too. */
            readonly notional?: boolean;
            /**
             * Format: double
             * @description Executions queued on one day. null, or absent: no limit. 0: nothing that costs money is started.
             */
            readonly perDay?: number | null;
            /**
             * Format: double
             * @description Executions queued in one month. null, or absent: no limit.
             */
            readonly perMonth?: number | null;
            /**
             * Format: double
             * @description Without what subscriptions pay for, unless notional is set.
             */
            readonly spentDayUsd: number;
            /** Format: double */
            readonly spentMonthUsd: number;
            /**
             * @description warning: 80 % or more of a limit is spent. exceeded: what is new is refused, what runs is ended.
             * @enum {string}
             */
            readonly state: "ok" | "warning" | "exceeded";
            /** @description Of days and months, as an IANA name. UTC when absent. */
            readonly timezone?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly CancelledMany: {
            /** @description Ids of those that have ended or are being stopped, those that waited first. */
            readonly executions: readonly string[];
            /** @description Ids of those whose end could not be stored: they still wait. The server's log says why. */
            readonly failed?: readonly string[] | null;
        } & {
            readonly [key: string]: unknown;
        };
        readonly CancelMany: {
            /** @description Only those of this agent. */
            readonly agentType?: string;
            /** @description Every execution that has not ended. Needed where no filter is given. */
            readonly all?: boolean;
            /** @description Why, in your words. */
            readonly reason?: string;
            /** @description Only those with all of these tags. */
            readonly tags?: readonly string[] | null;
        };
        readonly CancelRequestBody: {
            /** @description Why, in your words. */
            readonly reason?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ChannelBody: {
            /** @description Whether the address may be one of this host's own networks. */
            readonly allowPrivate?: boolean;
            /** @description Signs what a webhook gets (Standard Webhooks); empty: as it is. */
            readonly secret?: string;
            /** @description A service URL, such as ntfy://ntfy.sh/TOPIC; empty: as it is. */
            readonly url?: string;
            /** @description Where messages are posted as JSON; empty: as it is. */
            readonly webhook?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ChannelState: {
            readonly allowPrivate: boolean;
            /** @description The service, such as ntfy or slack, or webhook. */
            readonly kind: string;
            readonly name: string;
            /** @description Whether a webhook is signed. */
            readonly signed: boolean;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ContinueRequestBody: {
            /** @description What the agent is to do next. */
            readonly prompt: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly CostEntry: {
            /**
             * Format: double
             * @description The part of usd that is an estimate.
             */
            readonly estimatedUsd: number;
            /** @description The day as 2006-01-02, the agent, the model, the kind of trigger, or the user. */
            readonly key: string;
            /**
             * Format: double
             * @description What would be charged, had no subscription paid for it. Not part of usd.
             */
            readonly notionalUsd: number;
            /**
             * Format: int64
             * @description How many executions these are. Of a model: how many used it.
             */
            readonly runs: number;
            readonly tokens: components["schemas"]["Tokens"];
            /**
             * Format: int64
             * @description Executions whose agent reports no cost: the amounts are without them.
             */
            readonly unreportedRuns: number;
            /**
             * Format: double
             * @description What somebody is charged.
             */
            readonly usd: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly CostReport: {
            /** @enum {string} */
            readonly by: "day" | "agent" | "model" | "trigger" | "user";
            /** @description Days newest first, everything else by name. */
            readonly entries: readonly components["schemas"]["CostEntry"][];
            /**
             * Format: double
             * @description The part of totalUsd that is an estimate.
             */
            readonly estimatedUsd: number;
            readonly timezone: string;
            /**
             * Format: double
             * @description The same of what subscriptions pay for. Not part of totalUsd.
             */
            readonly totalNotionalUsd: number;
            /**
             * Format: double
             * @description The sum of all entries, in USD.
             */
            readonly totalUsd: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly CreateKeyRequestBody: {
            /**
             * Format: date-time
             * @description When it ends by itself; absent: it does not.
             */
            readonly expiresAt?: string;
            /** @description What the key is for. No two keys share one. */
            readonly name: string;
            /** @description What it may do; each for every agent, or narrowed as in agents:execute@deploy-*. */
            readonly permissions: readonly string[];
        } & {
            readonly [key: string]: unknown;
        };
        readonly CreateRequestBody: {
            /** @description The agent's name. */
            readonly agentType: string;
            /** @description The agent's parameters, validated against its schema. */
            readonly config?: {
                readonly [key: string]: unknown;
            };
            /** @description Whoever sends the same request again with the same key gets the execution of the first time. */
            readonly idempotencyKey?: string;
            /** @description Beside the agent's own: letters, digits and -_.:/@, 64 at most each. */
            readonly tags?: readonly string[] | null;
        } & {
            readonly [key: string]: unknown;
        };
        readonly DefinitionProblem: {
            /** Format: int64 */
            readonly column?: number;
            readonly field?: string;
            readonly file: string;
            /** Format: int64 */
            readonly line?: number;
            readonly message: string;
            readonly warning?: boolean;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Delivery: {
            /** Format: int64 */
            readonly atMost: number;
            /** Format: int64 */
            readonly attempts: number;
            readonly channel: string;
            readonly error?: string;
            readonly into?: string;
            readonly message: components["schemas"]["Message"];
            /** Format: date-time */
            readonly next: string;
            readonly rule: string;
            readonly state: string;
            /** Format: date-time */
            readonly updated: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly DiskUsage: {
            readonly condition?: string;
            /** Format: int64 */
            readonly free?: number;
            /** Format: int64 */
            readonly lowMark?: number;
            readonly path: string;
            /** Format: double */
            readonly percent: number;
            readonly state?: string;
            /** Format: int64 */
            readonly total: number;
            /** Format: int64 */
            readonly used: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Execution: {
            readonly agentType: string;
            readonly artifacts?: readonly components["schemas"]["Artifact"][] | null;
            /** Format: int64 */
            readonly attempt?: number;
            readonly cancelledBy?: string;
            readonly children?: readonly components["schemas"]["Relative"][] | null;
            readonly command?: readonly string[] | null;
            readonly config?: unknown;
            /** Format: double */
            readonly cost: number;
            readonly costEstimated?: boolean;
            readonly costNotional?: boolean;
            readonly costReported?: boolean;
            /** Format: int64 */
            readonly droppedBytes?: number;
            /** Format: int64 */
            readonly droppedLines?: number;
            /** Format: int64 */
            readonly durationMs?: number;
            /** Format: date-time */
            readonly endedAt?: string;
            readonly error?: string;
            readonly executionId: string;
            /** Format: int64 */
            readonly exitCode?: number;
            /** Format: int64 */
            readonly head: number;
            readonly host?: string;
            /** Format: date-time */
            readonly logsRemovedAt?: string;
            readonly model?: string;
            readonly models?: {
                readonly [key: string]: components["schemas"]["ModelCost"];
            };
            /** Format: date-time */
            readonly notBefore?: string;
            readonly omitted?: readonly string[] | null;
            readonly parent?: components["schemas"]["Relative"];
            readonly pendingApprovals?: readonly components["schemas"]["PendingApproval"][] | null;
            /** Format: int64 */
            readonly pid?: number;
            readonly pinned?: boolean;
            /** Format: int64 */
            readonly processesReaped: number;
            /** Format: double */
            readonly progress?: number;
            readonly progressMessage?: string;
            /** Format: date-time */
            readonly queuedAt: string;
            /** Format: int64 */
            readonly queuePosition?: number;
            readonly queueReason?: string;
            readonly reason?: string;
            /** Format: date-time */
            readonly resetsAt?: string;
            readonly result?: unknown;
            readonly sessionAgent?: string;
            readonly sessionId?: string;
            readonly signal?: string;
            /** Format: date-time */
            readonly startedAt?: string;
            readonly startedBy?: string;
            /** @enum {string} */
            readonly status: "queued" | "running" | "cancelling" | "completed" | "failed" | "cancelled";
            readonly survivors?: readonly components["schemas"]["Survivor"][] | null;
            readonly tags?: readonly string[] | null;
            readonly terminal: boolean;
            readonly tokens?: components["schemas"]["Tokens"];
            readonly trigger: components["schemas"]["Trigger"];
            readonly workdir?: string;
            readonly worker?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Executions: {
            /** Format: int64 */
            readonly queued: number;
            /** Format: int64 */
            readonly running: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Health: {
            /**
             * @description Absent when there is room. Else nothing is started until there is again: what is new waits.
             * @enum {string}
             */
            readonly disk?: "low" | "critical";
            /**
             * @description ok once the server can take requests.
             * @enum {string}
             */
            readonly status: "ok" | "starting";
        } & {
            readonly [key: string]: unknown;
        };
        readonly Info: {
            /** Format: date-time */
            readonly createdAt: string;
            readonly name: string;
            /** Format: date-time */
            readonly updatedAt: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly InputRequestBody: {
            /**
             * @description The answer to that request. Needs the permission executions:approve.
             * @enum {string}
             */
            readonly decision?: "allow" | "deny";
            /** @description Closes stdin after the text. */
            readonly eof?: boolean;
            /** @description Of the request that is answered; none for text. */
            readonly requestId?: string;
            /**
             * @description run: the same use of the tool is not asked for again in this run.
             * @enum {string}
             */
            readonly scope?: "once" | "run";
            /** @description For the agent's stdin, a newline added where it does not end with one; with a decision the choice, or why it is denied. */
            readonly text?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Item: {
            readonly match?: string;
            /** @enum {string} */
            readonly then: "allow" | "deny" | "ask";
            readonly tool: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly KeysAnswerBody: {
            /** @description Newest first. */
            readonly keys: readonly components["schemas"]["KeyView"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly KeyView: {
            /** Format: date-time */
            readonly createdAt: string;
            /** @description The user's id. */
            readonly createdBy: string;
            /**
             * Format: date-time
             * @description None: not by itself.
             */
            readonly expiresAt?: string;
            /** @description How the key begins and ends. */
            readonly hint: string;
            readonly id: string;
            /**
             * Format: date-time
             * @description To the minute; none: never.
             */
            readonly lastUsedAt?: string;
            /** @description It stands in startedBy of the executions that the key starts. */
            readonly name: string;
            /** @description Each for every agent, or narrowed as in agents:execute@deploy-*. */
            readonly permissions: readonly string[];
        } & {
            readonly [key: string]: unknown;
        };
        readonly ListAnswerBody: {
            /** @description Newest first. */
            readonly executions: readonly components["schemas"]["Execution"][];
            /** @description The cursor of the next page; absent on the last. */
            readonly next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages; only when count was asked for.
             */
            readonly total?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly LoginRequestBody: {
            /** @description The owner's token, an API key or a JWT. */
            readonly token: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly LogoutRequestBody: {
            /** @description End every session of this user, not only this one. */
            readonly everywhere?: boolean;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Message: {
            readonly agentType?: string;
            readonly body: string;
            /** Format: double */
            readonly costUsd?: number;
            /** Format: date-time */
            readonly createdAt: string;
            readonly executionId?: string;
            readonly id: string;
            readonly link?: string;
            readonly requestId?: string;
            readonly title: string;
            readonly type: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ModelCost: {
            readonly tokens: components["schemas"]["Tokens"];
            /** Format: double */
            readonly usd: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly NewBudgets: {
            /** @description Counts what subscriptions pay for, too. */
            readonly notional?: boolean;
            /**
             * Format: double
             * @description Executions queued on one day. null, or absent: no limit. 0: nothing that costs money is started.
             */
            readonly perDay?: number | null;
            /**
             * Format: double
             * @description Executions queued in one month. null, or absent: no limit.
             */
            readonly perMonth?: number | null;
            /** @description Of days and months, as an IANA name. UTC when absent. */
            readonly timezone?: string;
        };
        readonly NewKeyView: {
            /** @description The key itself. It can't be had again. */
            readonly key: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly NotificationsRequestBody: {
            /** @description By name. A channel that is left out is removed. */
            readonly channels: {
                readonly [key: string]: components["schemas"]["ChannelBody"];
            };
            readonly rules: readonly components["schemas"]["Rule"][] | null;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Occurrence: {
            readonly agent: string;
            /**
             * Format: int64
             * @description How many they are.
             */
            readonly count?: number;
            /** Format: date-time */
            readonly due: string;
            readonly executionId?: string;
            /** Format: int64 */
            readonly n: number;
            /** @enum {string} */
            readonly outcome: "due" | "started" | "skipped" | "waiting";
            readonly reason?: string;
            /**
             * Format: date-time
             * @description The last of several that were skipped together.
             */
            readonly until?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly OccurrencesAnswerBody: {
            /** @description By time. */
            readonly occurrences: readonly components["schemas"]["Occurrence"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly PendingApproval: {
            readonly askedAt: string;
            readonly expiresAt?: string;
            readonly input?: unknown;
            readonly kind: string;
            readonly options?: readonly components["schemas"]["ApprovalOption"][] | null;
            readonly requestId: string;
            /** Format: int64 */
            readonly seq: number;
            readonly title?: string;
            readonly tool?: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly PreviewAnswerBody: {
            /** @description The next due times, with the offset of the time zone. */
            readonly next: readonly string[];
            /** @description When it is due, in words. */
            readonly text: string;
            readonly timezone: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Problem: {
            /**
             * @description What kind of problem it is, the same codes as in the error message.
             * @enum {string}
             */
            readonly code: "bad_request" | "unknown_type" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "rate_limited" | "too_large" | "limit_reached" | "budget_exceeded" | "unavailable" | "internal";
            /** @description What was wrong, where, and what to do. */
            readonly detail: string;
            /** @description More for programs, such as fields: [{field, message}]. */
            readonly details?: unknown;
            /** @description Whether the same request may succeed later. */
            readonly retryable: boolean;
            /**
             * Format: int64
             * @description How long to wait before that, in milliseconds.
             */
            readonly retryAfterMs?: number;
            /**
             * Format: int64
             * @description The HTTP status.
             */
            readonly status: number;
            /** @description The HTTP status in words. */
            readonly title: string;
            /** @description Always about:blank: code says what kind of problem it is. */
            readonly type: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Quiet: {
            readonly from: string;
            readonly timezone?: string;
            readonly to: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Relative: {
            readonly executionId: string;
            readonly why: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly RetentionRemoval: {
            readonly agentType: string;
            /**
             * Format: int64
             * @description On disk; after a run, what was freed.
             */
            readonly bytes: number;
            /** Format: date-time */
            readonly endedAt: string;
            /** @description Why it could not be removed; it is tried again. */
            readonly error?: string;
            readonly executionId: string;
            /** @description The rule's bound, such as 30d. */
            readonly limit: string;
            /** @description The bound is the agent's own. */
            readonly own?: boolean;
            /**
             * @description Why.
             * @enum {string}
             */
            readonly rule: "executions.age" | "executions.count" | "logs.age" | "logs.size";
            /**
             * @description All of it, or its log lines alone.
             * @enum {string}
             */
            readonly what: "execution" | "logs";
        } & {
            readonly [key: string]: unknown;
        };
        readonly RetentionReport: {
            /** @description What agents have of their own, which counts for them instead. */
            readonly agents?: {
                readonly [key: string]: components["schemas"]["AgentRetention"];
            };
            /** @description Whether this is what would be removed, and nothing was. */
            readonly dryRun: boolean;
            /** @description There are more removals than are listed. */
            readonly more?: boolean;
            /** @description Those that ended first come first. */
            readonly removals: readonly components["schemas"]["RetentionRemoval"][];
            /** @description The server's. What is absent is kept without a bound. */
            readonly rules: components["schemas"]["AgentRetention"];
            readonly totals: components["schemas"]["RetentionTotals"];
        } & {
            readonly [key: string]: unknown;
        };
        readonly RetentionTotals: {
            /** Format: int64 */
            readonly bytes: number;
            /**
             * Format: int64
             * @description Whole ones.
             */
            readonly executions: number;
            /**
             * Format: int64
             * @description Executions that could not be removed, and are not in the other sums.
             */
            readonly failed?: number;
            /**
             * Format: int64
             * @description Executions that lose their log lines alone.
             */
            readonly logs: number;
            /**
             * Format: int64
             * @description Executions that were pinned, or worked on by others, when it was their turn.
             */
            readonly spared?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Row: {
            readonly label: string;
            readonly text: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Rule: {
            /**
             * @description Like 90s, 10m, 26h or 2d.
             * @example 26h
             */
            readonly after?: string;
            readonly agents?: readonly string[] | null;
            /** Format: int64 */
            readonly atMost?: number;
            readonly quiet?: components["schemas"]["Quiet"];
            readonly tags?: readonly string[] | null;
            readonly to: readonly string[] | null;
            /** Format: double */
            readonly usd?: number;
            readonly when: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Schedule: {
            readonly agent: string;
            readonly cron: string;
            /** @description As its definition says. */
            readonly enabled: boolean;
            /** @description Why a start is tried again. */
            readonly error?: string;
            /**
             * Format: int64
             * @description A run begins up to so much after its due time.
             */
            readonly jitterMs?: number;
            /** @description The newest due time that passed. */
            readonly last?: components["schemas"]["Occurrence"];
            /** @enum {string} */
            readonly missed: "skip" | "latest" | "all";
            /**
             * Format: int64
             * @description Its place in the agent's definition, from 0.
             */
            readonly n: number;
            /** @description The next due times, with the offset of the time zone; none while it is not enabled. */
            readonly next: readonly string[];
            /** @enum {string} */
            readonly overlap: "skip" | "queue" | "replace";
            /** @description Secrets masked. */
            readonly parameters?: unknown;
            readonly paused: boolean;
            /** Format: date-time */
            readonly pausedAt?: string;
            readonly pausedBy?: string;
            /** @description When it is due, in words. */
            readonly text: string;
            readonly timezone: string;
            /**
             * Format: int64
             * @description How many due times wait for the end of an earlier run.
             */
            readonly waiting?: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly SchedulesAnswerBody: {
            /** @description By agent and place. */
            readonly schedules: readonly components["schemas"]["Schedule"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly SecretsAnswerBody: {
            /** @description By name. Values are never shown. */
            readonly secrets: readonly components["schemas"]["Info"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly Session: {
            /**
             * Format: date-time
             * @description When the credential ends at the latest; none: not by itself.
             */
            readonly expiresAt?: string;
            /** @description The user's id. */
            readonly id: string;
            /**
             * @description What the caller showed.
             * @enum {string}
             */
            readonly kind: "owner" | "session" | "jwt" | "key" | "execution";
            /** @description admin holds all of them. One with @ is for the agents alone that follow, as in agents:execute@deploy-*. */
            readonly permissions: readonly string[];
            /**
             * Format: date-time
             * @description The server's clock.
             */
            readonly serverTime: string;
            /** @description The server's version. */
            readonly version: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly SetSecretRequestBody: {
            /** @description As env: {KEY: {secret: name}} in a definition has it. */
            readonly name: string;
            /** @description Encrypted before it is stored, and never shown again. */
            readonly value: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly State: {
            readonly channels: readonly components["schemas"]["ChannelState"][];
            /** @description The newest first. */
            readonly deliveries: readonly components["schemas"]["Delivery"][];
            /** @description What is wrong with the file; the last good rules hold. */
            readonly problem?: string;
            readonly rules: readonly components["schemas"]["Rule"][];
        } & {
            readonly [key: string]: unknown;
        };
        readonly Survivor: {
            readonly command: string;
            /** Format: int64 */
            readonly pid: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly SystemStatus: {
            /** Format: double */
            readonly cpu: number;
            readonly disk: components["schemas"]["DiskUsage"];
            readonly executions: components["schemas"]["Executions"];
            readonly load: readonly number[] | null;
            readonly memory: components["schemas"]["Usage"];
            readonly timestamp: string;
            readonly type: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly TestRequestBody: {
            /** @description The channel's name. */
            readonly channel: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly TicketAnswerBody: {
            /** Format: date-time */
            readonly expiresAt: string;
            /** @description Good for one use. */
            readonly ticket: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Tokens: {
            /** Format: int64 */
            readonly cacheRead: number;
            /** Format: int64 */
            readonly cacheWrite: number;
            /** Format: int64 */
            readonly cacheWrite1h?: number;
            /** Format: int64 */
            readonly input: number;
            /** Format: int64 */
            readonly output: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Trigger: {
            readonly kind: string;
            readonly manual?: boolean;
            readonly user: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Usage: {
            /** Format: double */
            readonly percent: number;
            /** Format: int64 */
            readonly total: number;
            /** Format: int64 */
            readonly used: number;
        } & {
            readonly [key: string]: unknown;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly "list-agents": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AgentsAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "get-agent": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The agent's name. */
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-approvals": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApprovalsAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly budgets: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BudgetReport"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "set-budgets": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["NewBudgets"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BudgetReport"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly costs: {
        readonly parameters: {
            readonly query?: {
                /** @description Only this agent. */
                readonly agentType?: string;
                /** @description What is summed by: day, agent, model, trigger (its kind) or user. day when absent. */
                readonly by?: "day" | "agent" | "model" | "trigger" | "user";
                /** @description Only executions queued then or later: a time (RFC 3339), or a day in the time zone. */
                readonly since?: string;
                /** @description The time zone of days, as an IANA name such as Europe/Berlin. UTC when absent. */
                readonly timezone?: string;
                /** @description Only executions queued before: a time (RFC 3339), or a day in the time zone, which is then left out. */
                readonly until?: string;
            };
            readonly header?: {
                /** @description text/csv for a table, application/json otherwise. */
                readonly Accept?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The sums. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CostReport"];
                    readonly "text/csv": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "server-sent-events": {
        readonly parameters: {
            readonly query?: {
                /** @description An execution to follow; repeatable. */
                readonly execution?: readonly string[];
                /** @description The seq to begin behind; the n-th belongs to the n-th execution. */
                readonly since?: readonly number[];
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Frames. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/event-stream": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-executions": {
        readonly parameters: {
            readonly query?: {
                /** @description Only those of this agent. */
                readonly agentType?: string;
                /** @description Whether total is wanted. */
                readonly count?: boolean;
                /** @description next of the page before. */
                readonly cursor?: string;
                /** @description How many at most, 1 to 1000; 50 when absent. */
                readonly limit?: number;
                /** @description Only those that are pinned, or that are not. */
                readonly pinned?: "true" | "false";
                /** @description Only those with this text in id, agent, reason, error, progress message or parameters. */
                readonly q?: string;
                /** @description Only those queued then or later (RFC 3339). */
                readonly since?: string;
                /** @description Only those that stand so: queued, running, cancelling, completed, failed, cancelled. Repeated, or with commas. */
                readonly status?: readonly ("queued" | "running" | "cancelling" | "completed" | "failed" | "cancelled")[];
                /** @description Only those with this tag; repeated, with all of them. */
                readonly tag?: readonly string[] | null;
                /** @description Only those queued before (RFC 3339). */
                readonly until?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ListAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "create-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The same as idempotencyKey. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["CreateRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The idempotency key had begun this one before. */
            readonly 200: {
                headers: {
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "get-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "cancel-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                readonly "application/json": components["schemas"]["CancelRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Accepted */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "continue-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution whose session goes on. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["ContinueRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "execution-events": {
        readonly parameters: {
            readonly query?: {
                /** @description Go on with what is written, until the execution has ended. */
                readonly follow?: boolean;
                /** @description End after so many events; 0, the default: no limit. */
                readonly limit?: number;
                /** @description Begin behind this seq; 0, the default, is the start. Past the last event it is an error that says where that is. */
                readonly since?: number;
                /** @description Begin so many events before the end. Not together with since. */
                readonly tail?: number;
            };
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Events as in the message table, each a line of JSON. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "send-input": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["InputRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "execution-log": {
        readonly parameters: {
            readonly query?: {
                /** @description Go on with what is written, until the execution has ended. */
                readonly follow?: boolean;
                /** @description Of an agent whose output is a conversation: the messages that its program wrote, byte for byte, in place of what people read. */
                readonly raw?: boolean;
                /** @description Only this stream: stdout or stderr. Both when absent. */
                readonly stream?: readonly string[] | null;
            };
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The agent's bytes. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
            /** @description The part that was asked for. */
            readonly 206: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "pin-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "unpin-execution": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "search-execution": {
        readonly parameters: {
            readonly query: {
                /** @description Whether the case of letters matters. */
                readonly caseSensitive?: boolean;
                /** @description next, the default: the first lines first; previous: the last ones first. */
                readonly direction?: string;
                /** @description Only events after this seq, or before it when direction is previous. 0, the default: from the start, or from the end. */
                readonly from?: string;
                /** @description Only lines of this level: debug, info, warn, error. Repeated, or with commas. */
                readonly level?: readonly string[] | null;
                /** @description How many matches to give at most; 100 when absent. What comes after is counted. */
                readonly limit?: string;
                /** @description The text to look for. */
                readonly query: string;
                /** @description Whether query is a regular expression (RE2 syntax). */
                readonly regex?: boolean;
                /** @description Only lines of then or later (RFC 3339). */
                readonly since?: string;
                /** @description Only lines from here: stdout, stderr, agent. Repeated, or with commas. */
                readonly stream?: readonly string[] | null;
                /** @description Only events up to this seq, or down to it when direction is previous. 0, the default: to the end, or to the start. */
                readonly to?: string;
                /** @description Only lines from before (RFC 3339). */
                readonly until?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description The execution's id. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description logs:matches, one a line, each as soon as it is known; empty lines in times without. The last one has complete: true, or is an error message. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "cancel-executions": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["CancelMany"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Accepted */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CancelledMany"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-keys": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["KeysAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "create-key": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["CreateKeyRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["NewKeyView"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "revoke-key": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The key's id, from GET /api/keys. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No Content */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly messages: {
        readonly parameters: {
            readonly query?: {
                /** @description The connectionId of the stream that subscriptions are for. */
                readonly connection?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description What answers them, one message a line. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly notifications: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["State"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "set-notifications": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["NotificationsRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["State"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "test-notification": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["TestRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No Content */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "long-poll": {
        readonly parameters: {
            readonly query?: {
                /** @description An execution to follow; repeatable. */
                readonly execution?: readonly string[];
                /** @description The seq to begin behind; the n-th belongs to the n-th execution. */
                readonly since?: readonly number[];
                /** @description How long to wait for something, like 25s. */
                readonly wait?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Messages, one a line. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "preview-retention": {
        readonly parameters: {
            readonly query?: {
                /** @description How many removals at most are listed, those that go first; 1000 when absent. The totals are of all. */
                readonly limit?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RetentionReport"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "run-retention": {
        readonly parameters: {
            readonly query?: {
                /** @description How many removals at most are listed, those that go first; 1000 when absent. The totals are of all. */
                readonly limit?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RetentionReport"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-schedules": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["SchedulesAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "pause-schedule": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The agent's name. */
                readonly agent: string;
                /** @description The schedule's place in the agent's definition, from 0. */
                readonly n: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Schedule"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "resume-schedule": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The agent's name. */
                readonly agent: string;
                /** @description The schedule's place in the agent's definition, from 0. */
                readonly n: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Schedule"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "run-schedule": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The agent's name. */
                readonly agent: string;
                /** @description The schedule's place in the agent's definition, from 0. */
                readonly n: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-occurrences": {
        readonly parameters: {
            readonly query?: {
                /** @description RFC 3339; a week ago when absent. */
                readonly from?: string;
                /** @description RFC 3339; a week from now when absent. */
                readonly to?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OccurrencesAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "preview-schedule": {
        readonly parameters: {
            readonly query: {
                /** @description As in a definition. */
                readonly cron: string;
                /** @description A name of the IANA database; that of the server when absent. */
                readonly timezone?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["PreviewAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "agent-schema": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A JSON Schema, draft 2020-12. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/schema+json": Record<string, never>;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly search: {
        readonly parameters: {
            readonly query: {
                /** @description Only executions of this agent. */
                readonly agentType?: string;
                /** @description Whether the case of letters matters. */
                readonly caseSensitive?: boolean;
                /** @description next, the default: the first lines first; previous: the last ones first. */
                readonly direction?: string;
                /** @description Only lines of this level: debug, info, warn, error. Repeated, or with commas. */
                readonly level?: readonly string[] | null;
                /** @description How many matches to give at most; 100 when absent. What comes after is counted. */
                readonly limit?: string;
                /** @description The text to look for. */
                readonly query: string;
                /** @description Whether query is a regular expression (RE2 syntax). */
                readonly regex?: boolean;
                /** @description Only lines of then or later (RFC 3339). */
                readonly since?: string;
                /** @description Only executions that stand so: queued, running, cancelling, completed, failed, cancelled. Repeated, or with commas. */
                readonly status?: readonly string[] | null;
                /** @description Only lines from here: stdout, stderr, agent. Repeated, or with commas. */
                readonly stream?: readonly string[] | null;
                /** @description Only lines from before (RFC 3339). */
                readonly until?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description logs:matches, one a line, each as soon as it is known; empty lines in times without. The last one has complete: true, or is an error message. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/x-ndjson": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "list-secrets": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["SecretsAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "set-secret": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["SetSecretRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Info"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "remove-secret": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The secret's name. */
                readonly name: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No Content */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly session: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Session"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly system: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["SystemStatus"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "create-ticket": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TicketAnswerBody"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly websocket: {
        readonly parameters: {
            readonly query?: {
                /** @description From POST /api/tickets. */
                readonly ticket?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Switching to WebSocket. */
            readonly 101: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly health: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly "login-by-ticket": {
        readonly parameters: {
            readonly query?: {
                /** @description A path within the page. */
                readonly next?: string;
                /** @description From POST /api/tickets. */
                readonly ticket?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The page. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Signed in: go to the page. */
            readonly 303: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly login: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                readonly "application/json": components["schemas"]["LoginRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Session"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly logout: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                readonly "application/json": components["schemas"]["LogoutRequestBody"];
            };
        };
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No Content */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly mcp: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description What answers the JSON-RPC message. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": Record<string, never>;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly metrics: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The metrics. */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readonly ready: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A problem document says what was wrong. */
            readonly "4XX": {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OK */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A problem document says what was wrong. */
            readonly default: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
