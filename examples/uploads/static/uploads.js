// Each file: ask the app for leave, then send it to where the answer says, whatever disk that is.

const ATTEMPTS = 3;
const $ = (id) => document.getElementById(id);

async function api(path, method = "GET", body = undefined) {
  const response = await fetch(path, {
    method,
    headers: body && { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.error ?? `The server answers with ${response.status}.`);
  }
  return response.status === 204 ? null : response.json();
}

// fetch tells nothing of how far an upload is; XMLHttpRequest does.
function send(method, url, headers, body, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(`The disk refuses it (${request.status}).`));
    };
    request.onerror = () => reject(new Error("The connection was lost."));
    request.onabort = () => reject(new Error("Cancelled."));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

async function sendParts(upload, file, progress, signal) {
  for (const [index, url] of upload.urls.entries()) {
    const start = index * upload.part_size;
    const part = file.slice(start, start + upload.part_size);
    for (let attempt = 1; ; attempt++) {
      try {
        await send(upload.method, url, upload.headers, part, (sent) => progress(start + sent), signal);
        break;
      } catch (error) {
        if (attempt === ATTEMPTS || signal.aborted) throw error;
      }
    }
  }
  const { path, upload_id } = upload;
  await api("/files/complete", "POST", { path, upload_id, size: file.size });
}

function sendForm(upload, file, progress, signal) {
  const form = new FormData();
  for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
  form.append("file", file); // the last field: what follows it is not read
  return send(upload.method, upload.url, {}, form, progress, signal);
}

async function upload(file, progress, signal) {
  const { name, type, size } = file;
  const leave = await api("/files", "POST", { name, type, size });
  if (leave.urls) return sendParts(leave, file, progress, signal);
  if (leave.fields) return sendForm(leave, file, progress, signal);
  return send(leave.method, leave.url, leave.headers, file, progress, signal);
}

// --- What is seen ---

const UNITS = ["B", "kB", "MB", "GB"];

function sized(bytes) {
  let unit = 0;
  for (; bytes >= 1000 && unit < UNITS.length - 1; unit++) bytes /= 1000;
  return `${unit ? bytes.toFixed(1) : bytes} ${UNITS[unit]}`;
}

function kind(name) {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1, dot + 5) : "";
}

function row(template, name) {
  const item = $(template).content.firstElementChild.cloneNode(true);
  item.querySelector(".picture").textContent = kind(name);
  return item;
}

async function take(file) {
  const item = row("sending-file", file.name);
  const [bar, facts, button] = ["progress", ".facts", "button"].map((s) => item.querySelector(s));
  const cancel = new AbortController();
  item.querySelector(".name").textContent = file.name;
  button.onclick = () => cancel.abort();
  $("sending").append(item);
  const progress = (sent) => {
    bar.value = file.size ? Math.min(sent / file.size, 1) : 1;
    facts.textContent = `${Math.round(bar.value * 100)} % of ${sized(file.size)}`;
  };
  progress(0);
  try {
    await upload(file, progress, cancel.signal);
    item.remove();
    await show();
  } catch (error) {
    item.classList.add("failed");
    facts.textContent = error.message;
    button.textContent = "Dismiss";
    button.onclick = () => item.remove();
  }
}

function stored(file) {
  const item = row("stored-file", file.name);
  const link = item.querySelector(".name a");
  link.textContent = file.name;
  link.href = file.url;
  item.querySelector(".facts").textContent =
    `${sized(file.size)} · ${new Date(file.at * 1000).toLocaleString()}`;
  if (file.picture) {
    const picture = new Image();
    picture.alt = "";
    picture.onload = () => item.querySelector(".picture").replaceChildren(picture);
    picture.src = file.url;
  }
  item.querySelector(".save").href = file.download;
  const button = item.querySelector(".delete");
  button.setAttribute("aria-label", `Delete ${file.name}`);
  button.onclick = () => attempt(async () => {
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    await api(`/files/${path}`, "DELETE");
    await show();
  });
  return item;
}

let asked = 0;

async function show() {
  const turn = ++asked;
  const files = (await api("/files")).sort((one, other) => other.at - one.at);
  if (turn !== asked) return; // a later list is on its way, and may have overtaken this one
  $("files").replaceChildren(...files.map(stored));
  $("count").textContent = files.length || "";
  $("empty").hidden = files.length > 0;
}

async function attempt(work) {
  $("note").textContent = "";
  try {
    await work();
  } catch (error) {
    $("note").textContent = error.message;
  }
}

$("choose").onchange = ({ target }) => {
  for (const file of target.files) take(file);
  target.value = "";
};
const drop = $("drop");
drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  for (const file of event.dataTransfer.files) take(file);
};

attempt(show);
