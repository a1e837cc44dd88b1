// What the page asks of the server of `ttpo pick`, and what goes wrong with that.

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export const ask = async (address, body) => {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  let answer;
  try {
    answer = await fetch(`/pick/${address}`, options);
  } catch {
    throw new Refused(0, "the server does not answer: start `ttpo pick` again, and open the address that it prints");
  }
  const kind = answer.headers.get("content-type") ?? "";
  const data = kind.includes("json") ? await answer.json() : { error: (await answer.text()).trim() };
  if (!answer.ok) throw new Refused(answer.status, typeof data.error === "string" ? data.error : `the server said ${answer.status}`);
  return data;
};

export const picture = (address, row, size) => `/pick/picture/${address}/${row}/${size}`;
