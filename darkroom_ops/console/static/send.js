// Sends a file to the console. An error says in words why it was not taken, and whether to try again.

export async function send(address, file) {
  let answer;
  try {
    answer = await fetch(`${address}?name=${encodeURIComponent(file.name)}`, {
      method: "POST",
      headers: { accept: "application/json" },
      body: file,
    });
  } catch {
    const silent = new Error("not uploaded, as the console did not answer.");
    throw Object.assign(silent, { again: true });
  }
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.message), { again: answer.status >= 500 });
  return said;
}
