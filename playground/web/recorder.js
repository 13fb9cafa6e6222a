// Recording a voice note: press to begin, press again to send, Escape to throw it away.

export function listenForSpeech(button, send, tell) {
  let recorder = null;

  async function begin() {
    if (!navigator.mediaDevices || !window.MediaRecorder) return tell("This browser cannot record. Attach an audio file instead.");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      recorder = record(stream);
    } catch {
      tell("There is no microphone, or the page may not use it. Attach an audio file instead.");
    }
  }

  function record(stream) {
    const made = new MediaRecorder(stream);
    const parts = [];
    const began = Date.now();
    made.addEventListener("dataavailable", (event) => parts.push(event.data));
    made.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      show(false);
      if (!made.isThrownAway) send(new Blob(parts, { type: made.mimeType }), (Date.now() - began) / 1000);
    });
    made.start();
    show(true);
    return made;
  }

  function end(isThrownAway) {
    recorder.isThrownAway = isThrownAway;
    recorder.stop();
    recorder = null;
  }

  function show(isOn) {
    button.classList.toggle("recording", isOn);
    button.setAttribute("aria-pressed", String(isOn));
    button.setAttribute("aria-label", isOn ? "Send the voice note" : "Record a voice note");
  }

  button.addEventListener("click", () => (recorder ? end(false) : begin()));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && recorder) end(true); });
}
