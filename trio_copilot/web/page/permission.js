// Requests for permission, one after another, in a dialog.
//
// The dialog may open while the user is typing, so it moves the focus to its title, where
// no key decides anything. Escape denies.

import { visible } from "./visible.js";

const WANTS = {
  shell: "run a command",
  write: "write a file",
  read: "read a file",
  url: "open a URL",
  mcp: "use a tool of an MCP server",
  "custom-tool": "use a tool",
  memory: "remember something",
};

const OUTCOMES = {
  allowed: "Allowed",
  denied: "Denied",
  timeout: "Denied (no answer in time)",
  cancelled: "No longer needed",
};

export class Permissions {
  #dialog = document.getElementById("permission");
  #title = document.getElementById("permission-title");
  #summary = document.getElementById("permission-summary");
  #details = document.getElementById("permission-details");
  #reason = document.getElementById("permission-reason");
  #open = []; // requests; the first is shown
  #answer;
  #note;

  // `answer(request, decision, reason)` sends; `note(text)` records the outcome.
  constructor(answer, note) {
    this.#answer = answer;
    this.#note = note;
    this.#dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#decide(event.submitter?.value ?? "deny");
    });
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#decide("deny");
    });
    this.#dialog.addEventListener("close", () => this.#show());
  }

  ask(message) {
    this.#open.push(message);
    this.#show();
  }

  closed({ request, outcome }) {
    const asked = this.#open.find((each) => each.request === request);
    if (!asked) return;
    this.#open = this.#open.filter((each) => each !== asked);
    this.#note(`${OUTCOMES[outcome] ?? outcome}: ${visible(asked.summary)}`);
    this.#show();
  }

  // The connection is lost: nobody waits for an answer any more.
  forget() {
    this.#open = [];
    this.#show();
  }

  #decide(decision) {
    const [asked] = this.#open;
    if (!asked || asked.answered) return;
    asked.answered = true;
    this.#answer(asked.request, decision, decision === "deny" ? this.#reason.value : "");
  }

  #show() {
    const [asked] = this.#open;
    if (!asked) {
      this.#dialog.close();
      return;
    }
    if (this.#dialog.open && this.#dialog.dataset.request === asked.request) return;
    this.#dialog.dataset.request = asked.request;
    this.#title.textContent = `May the agent ${WANTS[asked.kind] ?? visible(asked.kind)}?`;
    this.#summary.textContent = visible(asked.summary);
    this.#details.textContent = visible(JSON.stringify(asked.details, null, 2));
    this.#details.closest("details").open = false;
    this.#reason.value = "";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#title.focus();
  }
}
